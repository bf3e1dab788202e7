"""What a policy gets to see of the truth, and when: the feedback models of inference offloading.

The algorithms of this field differ mostly here, so feedback is an object of its own. It says

* *what* is revealed (:data:`REVEALS`): after a sample, whose truth becomes known;
* *when*: after a delay of d samples, or at the end of a batch of b;
* *how well*: with noise p, the revealed right-or-wrong is flipped with chance p.

A policy declares what it needs (``policy.needs``); :meth:`Feedback.require` refuses a pair that does
not fit in one sentence.

Examples
--------
>>> fb = feedback("offloaded+delayed(2)")
>>> fb
Feedback(reveals='offloaded', delay=2)
>>> fb.arrived(5)  # before sample 3 the answers of sample 0 alone are in
array([0, 0, 0, 1, 2])
>>> feedback("batched(2)").arrived(5)
array([0, 0, 2, 2, 4])
>>> fb.satisfies("full"), feedback("full").satisfies("offloaded")
(False, True)
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from olearn._rng import generator
from olearn.errors import NotSupportedError, ParameterError, check_int, check_real, unknown

#: What is revealed -> in words.
REVEALS = {
    "full": "whether every option would have been right, always",
    "offloaded": "whether the local model was right, only for offloaded samples",
    "accepted": "whether the local model was right, only for samples kept local",
    "earlier": "what the chosen exit and every earlier one say (side information)",
    "chosen": "what the chosen option alone brought (bandit feedback)",
    "terminal": "the truth, only where the last layer was asked",
    "nothing": "no feedback at all",
}

#: A need -> the feedback models that meet it.
_MEETS = {
    "nothing": tuple(REVEALS),
    "full": ("full",),
    "offloaded": ("full", "offloaded", "terminal"),
    "accepted": ("full", "accepted"),
    "earlier": ("full", "earlier"),
    "chosen": ("full", "earlier", "chosen"),
    "terminal": ("full", "offloaded", "terminal"),
}


@dataclass(frozen=True)
class Feedback:
    """A feedback model.

    Parameters
    ----------
    reveals : str
        One of :data:`REVEALS`.
    delay : int
        The answer about sample t is in before the decision on sample t + delay + 1.
    batch : int
        Answers are handed over when a batch of that many samples is full.
    noise : float
        Chance in [0, 1/2) that a revealed right-or-wrong is flipped: the remote model, taken as the
        truth, errs. Costs are always counted on the truth.
    """

    reveals: str = "full"
    delay: int = 0
    batch: int = 1
    noise: float = 0.0

    def __post_init__(self) -> None:
        if self.reveals not in REVEALS:
            raise unknown("feedback", str(self.reveals), REVEALS)
        check_int("delay", self.delay, minimum=0)
        check_int("batch", self.batch, minimum=1)
        check_real("noise", self.noise, 0.0, 0.5, open_high=True)

    def __repr__(self) -> str:
        shown = [f"reveals={self.reveals!r}"]
        shown += [
            f"{f.name}={getattr(self, f.name)!r}"
            for f in fields(self)[1:]
            if getattr(self, f.name) != f.default
        ]
        return f"Feedback({', '.join(shown)})"

    def __str__(self) -> str:
        parts = [self.reveals]
        if self.delay:
            parts.append(f"delayed({self.delay})")
        if self.batch > 1:
            parts.append(f"batched({self.batch})")
        if self.noise:
            parts.append(f"noisy({self.noise:g})")
        return "+".join(parts)

    def satisfies(self, need: str) -> bool:
        """Whether this feedback reveals at least what `need` asks for."""
        return self.reveals in _MEETS[need]

    def require(self, policy: Any) -> None:
        """Raise :class:`~olearn.errors.NotSupportedError` if `policy` needs more than this reveals."""
        if not self.satisfies(policy.needs):
            raise NotSupportedError(
                f"{policy.name} needs {policy.needs!r} feedback ({REVEALS[policy.needs]}), "
                f"got {self.reveals!r}; allowed: {', '.join(_MEETS[policy.needs])}"
            )

    def arrived(self, samples: int) -> np.ndarray:
        """How many answers are in before each decision, int64 of shape (samples,), non-decreasing."""
        t = np.arange(samples, dtype=np.int64)
        known = np.maximum(t - self.delay, 0)
        return np.asarray((known // self.batch) * self.batch)

    def flips(self, samples: int, seed: int) -> np.ndarray:
        """Which answers are flipped by the noise, bool of shape (samples,)."""
        if self.noise == 0.0:
            return np.zeros(samples, np.bool_)
        return np.asarray(generator(seed, 0xFEED).random(samples) < self.noise)


def feedback(text: str | Feedback) -> Feedback:
    """Read a feedback model from text.

    A name of :data:`REVEALS`, ``delayed(d)``, ``batched(b)``, ``noisy(p)``, or several joined by ``+``.
    """
    if isinstance(text, Feedback):
        return text
    values: dict[str, Any] = {}
    for part in str(text).split("+"):
        match = re.fullmatch(r"\s*([a-z]+)\s*(?:\(([^()]*)\))?\s*", part)
        word, argument = (match[1], match[2]) if match else (part.strip(), None)
        key = {"delayed": "delay", "batched": "batch", "noisy": "noise"}.get(word, "reveals")
        if key == "reveals" and word not in REVEALS:
            raise unknown("feedback", part.strip(), [*REVEALS, "delayed(d)", "batched(b)", "noisy(p)"])
        if (key == "reveals") != (argument is None):
            raise ParameterError(
                f"feedback {part.strip()!r} is not of the form name, delayed(d), batched(b) or noisy(p)"
            )
        if key in values:
            raise ParameterError(f"feedback {text!r} says {key} twice")
        if key == "reveals":
            values[key] = word
            continue
        try:
            values[key] = float(str(argument)) if key == "noise" else int(str(argument))
        except ValueError:
            raise ParameterError(f"feedback {part.strip()!r}: {argument!r} is not a number that fits") from None
    return Feedback(**values)
