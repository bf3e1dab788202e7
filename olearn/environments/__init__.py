"""Bandit environments as data for fused loops, and the constants that lower-bound every policy."""

from olearn.environments.bandit import (
    ADVERSARIES,
    BanditEnvironment,
    adaptive,
    bernoulli,
    constant,
    gaussian,
    matrix,
    parse_environment,
    uniform,
)
from olearn.environments.constants import bernoulli_kl, gaussian_lower, lai_robbins, minimax_lower

__all__ = [
    "ADVERSARIES",
    "BanditEnvironment",
    "adaptive",
    "bernoulli",
    "bernoulli_kl",
    "constant",
    "gaussian",
    "gaussian_lower",
    "lai_robbins",
    "matrix",
    "minimax_lower",
    "parse_environment",
    "uniform",
]
