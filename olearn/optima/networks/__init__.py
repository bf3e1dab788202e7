"""Offline optima of networks of caches."""

from olearn.optima.networks.brute_force import brute_force
from olearn.optima.networks.fair import Fair, alpha_fair, nash_bargaining, price_of_fairness
from olearn.optima.networks.greedy import greedy
from olearn.optima.networks.relaxed import Relaxed, relaxed

__all__ = [
    "Fair",
    "Relaxed",
    "alpha_fair",
    "brute_force",
    "greedy",
    "nash_bargaining",
    "price_of_fairness",
    "relaxed",
]
