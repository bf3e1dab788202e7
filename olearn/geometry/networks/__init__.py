"""Caching gain on networks: exact, its multilinear extension and its concave relaxation, compiled."""

from olearn.geometry.networks.gain import gain, relaxed_gain, supergradient

__all__ = ["gain", "relaxed_gain", "supergradient"]
