"""One request of `experts` in one compiled call: the steps of all members, then that of the follower.

Chunks need no such thing: each member's own loop serves a chunk and writes down what happened (see
``experts``). One request at a time that way would be a dozen calls from Python. So the entry that serves
it is generated for the members at hand, as the entries of every policy are (``_compiled``), and kept on disk
under a name that their sources are part of.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from olearn import _jit
from olearn.policies.caching import _compiled, _follower, _ledger
from olearn.policies.caching._base import CachingPolicy
from olearn.policies.caching._ledger import new_log

_MEMBER = """\
{weigh}g{k}.logged[0] = 0
g{k}.admitted[0] = False
lost[{k}] = not step{k}(m{k}, item, g{k})
if g{k}.admitted[0]:
    member_in(f, {k}, item)
for p in range(g{k}.logged[0]):
    if g{k}.left[p] >= 0:
        member_out(f, {k}, g{k}.left[p])
    else:
        member_in(f, {k}, ~g{k}.left[p])
"""
_SIZE = "if f.bits[item] & UNSEEN == 0:\n    f.size[item] = size\n"
_PLAIN = "return serve(f, item, {size}, lost, None)"
_LOGGED = (
    "hit = int(serve(f, item, {size}, lost, log))\nreturn hit + 2 * int(log.admitted[0]) + 4 * log.logged[0]"
)


class FusedTable(_compiled.Table):
    """The addresses of a follower and of its members' states.

    Parameters
    ----------
    follower : Follower
    members : sequence of CachingPolicy
        Each with a ``step(state, item, log)``.
    room : int
        Entries of the log of the real cache.
    """

    def __init__(self, follower: _follower.Follower, members: Sequence[CachingPolicy], room: int) -> None:
        self._kinds = [type(m) for m in members]
        self._states = [m.state for m in members]
        logs = [new_log(1, m.places + 2) for m in members]
        states = tuple(m.state for m in members)
        super().__init__((follower, states, tuple(logs), np.zeros(len(members), np.bool_)), room)

    def _expression(self, value: Any) -> str:
        if type(value) is tuple:  # no type of its own: a kernel takes it as it is
            return f"({', '.join(self._expression(v) for v in value)},)"
        return super()._expression(value)

    def of(self, members: Sequence[CachingPolicy]) -> bool:
        """Whether the table holds the states that the members have now."""
        return all(a is m.state for a, m in zip(self._states, members, strict=True))

    def request(self, sized: bool, logged: bool) -> Callable[..., Any]:
        """The entry ``entry(address, item[, size])``: whether it was a hit, or with `logged` the usual code."""
        count = len(self._kinds)
        body = "f, members, logs, lost = state\n"
        body += "".join(f"m{k} = members[{k}]\ng{k} = logs[{k}]\n" for k in range(count))
        body += _SIZE if sized else ""
        for k in range(count):
            weigh = f"weigh(m{k}, item, share{k}(m{k}, item) > 0.0, size)\n" if sized else ""
            body += _MEMBER.format(k=k, weigh=weigh)
        body += (_LOGGED if logged else _PLAIN).format(size="size" if sized else "1")
        names: dict[str, Any] = {
            "weigh": _ledger.weigh,
            "member_in": _follower.member_in,
            "member_out": _follower.member_out,
            "serve": _follower.serve,
            "UNSEEN": ~_follower.SEEN,
        }
        sources = []
        for k, kind in enumerate(self._kinds):
            names |= {f"step{k}": kind.step, f"share{k}": kind.share}
            code = getattr(kind.step, "py_func", kind.step).__code__
            sources.append(f"{code.co_filename}:{code.co_name}:{_jit.fingerprint(code.co_filename)}")
        arguments = "item, size" if sized else "item"
        name = f"experts_request{'_sized' if sized else ''}{'_log' if logged else ''}"
        return self._build(name, arguments, body, _follower.serve_many, names, logged, "|".join(sources))


def can_fuse(members: Sequence[CachingPolicy]) -> bool:
    """Whether every member has a step of its own to call."""
    return all(getattr(type(m), "step", None) is not None and type(m)._logs for m in members)
