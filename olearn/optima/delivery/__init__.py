"""Optima of inference delivery: the relaxed optimum with its certificate, and brute force on tiny networks."""

from olearn.optima.delivery.brute import best_placement
from olearn.optima.delivery.relaxed import price_bound, relaxed

__all__ = ["best_placement", "price_bound", "relaxed"]
