# Written by `make stubs`: the classes of this family, which load at first use.

from olearn.policies.delivery.cheapest import Cheapest as Cheapest
from olearn.policies.delivery.infida import INFIDA as INFIDA
from olearn.policies.delivery.infida_offline import INFIDAOffline as INFIDAOffline
from olearn.policies.delivery.most_accurate import MostAccurate as MostAccurate
from olearn.policies.delivery.olag import OLAG as OLAG
from olearn.policies.delivery.static_greedy import StaticGreedy as StaticGreedy
