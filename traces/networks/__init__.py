"""Networks of caches: the model, its JSON reader, and how requests arrive."""

from olearn.traces.networks.model import Network, build
from olearn.traces.networks.read import load_network
from olearn.traces.networks.requests import own_requests, poisson, poisson_times, read_items, sent

__all__ = [
    "Network",
    "build",
    "load_network",
    "own_requests",
    "poisson",
    "poisson_times",
    "read_items",
    "sent",
]
