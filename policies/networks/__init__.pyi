# Written by `make stubs`: the classes of this family, which load at first use.

from olearn.policies.networks.bsca import BSCA as BSCA
from olearn.policies.networks.distributed_tgonline import DistributedTGOnline as DistributedTGOnline
from olearn.policies.networks.ewma_greedy import EWMAGreedy as EWMAGreedy
from olearn.policies.networks.fifo import FIFO as FIFO
from olearn.policies.networks.horizon_fair import HorizonFair as HorizonFair
from olearn.policies.networks.leadcache import LeadCache as LeadCache
from olearn.policies.networks.lfu import LFU as LFU
from olearn.policies.networks.lru import LRU as LRU
from olearn.policies.networks.mirror_ascent import MirrorAscent as MirrorAscent
from olearn.policies.networks.oftrl import OFTRL as OFTRL
from olearn.policies.networks.pga import PGA as PGA
from olearn.policies.networks.random import Random as Random
from olearn.policies.networks.raoco import RAOCO as RAOCO
from olearn.policies.networks.tgonline import TGOnline as TGOnline
