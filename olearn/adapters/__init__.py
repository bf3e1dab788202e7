"""Adapters: olearn's policies inside other people's programs. A peer is imported by its adapter alone.

``olearn.adapters.cachetools``: a cache for the library cachetools. For plain Python, without any peer, there is
:func:`olearn.cached`, and for simulators of one's own :class:`olearn.Keyed`.
"""
