# Written by `make stubs`: the classes of this family, which load at first use.

from olearn.policies.prefix.clairvoyant import Clairvoyant as Clairvoyant
from olearn.policies.prefix.cost_aware import CostAware as CostAware
from olearn.policies.prefix.fifo import FIFO as FIFO
from olearn.policies.prefix.ftpl import FTPL as FTPL
from olearn.policies.prefix.lfu import LFU as LFU
from olearn.policies.prefix.lru import LRU as LRU
