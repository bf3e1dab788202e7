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
from olearn.environments.contextual import ContextualEnvironment, linear, logged, random_linear
from olearn.environments.knapsack import KnapsackEnvironment, knapsack_bernoulli, knapsack_matrix

__all__ = [
    "ADVERSARIES",
    "BanditEnvironment",
    "ContextualEnvironment",
    "KnapsackEnvironment",
    "adaptive",
    "bernoulli",
    "bernoulli_kl",
    "constant",
    "gaussian",
    "gaussian_lower",
    "knapsack_bernoulli",
    "knapsack_matrix",
    "lai_robbins",
    "linear",
    "logged",
    "matrix",
    "minimax_lower",
    "parse_environment",
    "random_linear",
    "uniform",
]
