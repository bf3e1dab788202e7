"""Play a binary policy over plain arrays, through its compiled loop."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from olearn.feedback import feedback as read_feedback
from olearn.policies.offloading._game import EXPLORE, OFFLOAD, REVEALS_CODE, Arrival, Record, Stream, no_budget


def play_policy(
    policy,
    confidence,
    wrong,
    cost=0.3,
    *,
    context=None,
    score=None,
    remote=None,
    feedback=None,
    budget=None,
    use=None,
):
    """Run `policy` and return its decisions, chances, and whether each sample was offloaded."""
    p = np.asarray(confidence, np.float64)
    T = p.size
    levels = policy.confidences()
    cell = np.maximum(np.searchsorted(levels, p, side="right") - 1, 0).astype(np.int32)
    stream = Stream(
        p,
        cell,
        np.zeros(T, np.int32) if context is None else np.asarray(context, np.int32),
        np.zeros(T) if score is None else np.asarray(score, np.float64),
        np.ascontiguousarray(np.broadcast_to(np.asarray(cost, np.float64), T)).copy(),
        np.asarray(wrong, np.float64),
        np.zeros(T) if remote is None else np.asarray(remote, np.float64),
        np.ones(T) if use is None else np.asarray(use, np.float64),
    )
    model = read_feedback(policy.needs if feedback is None else feedback)
    arrival = Arrival(model.arrived(T), REVEALS_CODE[model.reveals], np.zeros(1, np.int64))
    record = Record(np.zeros(T, np.uint8), np.zeros(T), np.zeros(T))
    type(policy).run(policy.state, stream, arrival, no_budget() if budget is None else budget, record, 0, T)
    return SimpleNamespace(
        decision=record.decision,
        chance=record.chance,
        price=record.price,
        offloaded=np.isin(record.decision, (OFFLOAD, EXPLORE)),
        explored=record.decision == EXPLORE,
        cells=cell,
    )


@pytest.fixture(scope="session")
def play():
    return play_policy
