# Written by `make stubs`: the classes of this family, which load at first use.

from olearn.policies.offloading.always import Always as Always
from olearn.policies.offloading.ans import ANS as ANS
from olearn.policies.offloading.calibrated_threshold import CalibratedThreshold as CalibratedThreshold
from olearn.policies.offloading.exp4 import EXP4 as EXP4
from olearn.policies.offloading.fixed_threshold import FixedThreshold as FixedThreshold
from olearn.policies.offloading.h2t2 import H2T2 as H2T2
from olearn.policies.offloading.hedge_hi import HedgeHI as HedgeHI
from olearn.policies.offloading.hedge_hi_restart import HedgeHIRestart as HedgeHIRestart
from olearn.policies.offloading.hi_lcb import HILCB as HILCB
from olearn.policies.offloading.hi_lcb_lite import HILCBLite as HILCBLite
from olearn.policies.offloading.hil_f import HILF as HILF
from olearn.policies.offloading.hil_n import HILN as HILN
from olearn.policies.offloading.i_splitee import ISplitEE as ISplitEE
from olearn.policies.offloading.lints_routing import LinTSRouting as LinTSRouting
from olearn.policies.offloading.linucb_routing import LinUCBRouting as LinUCBRouting
from olearn.policies.offloading.mdinference import MDInference as MDInference
from olearn.policies.offloading.never import Never as Never
from olearn.policies.offloading.online_cascade import OnlineCascade as OnlineCascade
from olearn.policies.offloading.server_exp3_ix import ServerExp3IX as ServerExp3IX
from olearn.policies.offloading.server_tsallis_inf import ServerTsallisINF as ServerTsallisINF
from olearn.policies.offloading.splitee import SplitEE as SplitEE
from olearn.policies.offloading.splitee_s import SplitEES as SplitEES
from olearn.policies.offloading.token_bucket import TokenBucket as TokenBucket
from olearn.policies.offloading.ucbee import UCBEE as UCBEE
from olearn.policies.offloading.uee_ucb import UEEUCB as UEEUCB
