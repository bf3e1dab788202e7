"""Networks of caches: the model and its JSON reader."""

from olearn.traces.networks.model import Network, build
from olearn.traces.networks.read import load_network

__all__ = ["Network", "build", "load_network"]
