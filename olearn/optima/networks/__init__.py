"""Offline optima of networks of caches."""

from olearn.optima.networks.brute_force import brute_force
from olearn.optima.networks.greedy import greedy
from olearn.optima.networks.relaxed import Relaxed, relaxed

__all__ = ["Relaxed", "brute_force", "greedy", "relaxed"]
