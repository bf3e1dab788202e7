"""Inference delivery networks to replay: topologies, catalogues of models, demands, files.

>>> from olearn.traces.delivery import tree7
>>> tree7()
<Delivery 'tree7': 7 nodes, 100 models, 80 request types>
"""

from olearn.traces.delivery.catalogues import CATALOGUES, Catalogue, catalogue
from olearn.traces.delivery.demand import arrivals_demand, poisson_demand, rates_demand, sliding_demand
from olearn.traces.delivery.files import load_network, save_network
from olearn.traces.delivery.topologies import TOPOLOGIES, build, tree7

__all__ = [
    "CATALOGUES",
    "TOPOLOGIES",
    "Catalogue",
    "arrivals_demand",
    "build",
    "catalogue",
    "load_network",
    "poisson_demand",
    "rates_demand",
    "save_network",
    "sliding_demand",
    "tree7",
]
