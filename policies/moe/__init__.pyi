# Written by `make stubs`: the classes of this family, which load at first use.

from olearn.policies.moe.fifo import FIFO as FIFO
from olearn.policies.moe.ftpl import FTPL as FTPL
from olearn.policies.moe.heat import Heat as Heat
from olearn.policies.moe.least_stale import LeastStale as LeastStale
from olearn.policies.moe.lfu import LFU as LFU
from olearn.policies.moe.lru import LRU as LRU
from olearn.policies.moe.pin_hottest import PinHottest as PinHottest
from olearn.policies.moe.prefetch import Prefetch as Prefetch
