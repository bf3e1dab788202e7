"""Optima of language-model caches: batches of blocks or experts that are needed together."""

from olearn.optima.llm.batched import batched_min, prefix_optimum, price_bound

__all__ = ["batched_min", "prefix_optimum", "price_bound"]
