"""What the offline rows of a replay share: they are given all of the requests beforehand."""

from __future__ import annotations

from typing import Any

import numpy as np

from olearn.errors import NotSupportedError, ParameterError
from olearn.policies.caching._base import CachingPolicy


class OfflinePolicy(CachingPolicy):
    """A caching policy that reads the future.

    Parameters
    ----------
    requests : array_like of int, shape (T,)
        The whole sequence; it must then be served in this order.
    """

    offline = True

    def __init__(
        self,
        capacity: int,
        catalog_size: int,
        horizon: int | None = None,
        *,
        requests: Any = None,
        seed: int = 0,
    ) -> None:
        super().__init__(capacity, catalog_size, horizon, seed=seed)
        self.requests = requests
        self._served = 0

    @classmethod
    def tunable(cls) -> dict[str, Any]:
        return {name: p for name, p in super().tunable().items() if name != "requests"}

    def future(self) -> np.ndarray:
        """The requests as int32, checked."""
        if self.requests is None:
            raise NotSupportedError(f"{self.name} reads the future: give requests, the whole sequence")
        return self._checked(self.requests)

    def request(self, item: int, size: int | None = None, *, evicted: list[int] | None = None) -> bool | float:
        future, at = self.state.requests, self._served
        if at >= future.size or future[at] != item:
            self._differs(1)
        reward = super().request(item, size, evicted=evicted)
        self._served = at + 1
        return reward

    def request_many(self, items: Any, sizes: Any = None, *, events: bool = False) -> Any:
        future, ids = self.state.requests, self._checked(items)
        end = self._served + ids.size
        if end > future.size or not np.array_equal(future[self._served : end], ids):
            self._differs(ids.size)
        rewards = super().request_many(ids, sizes, events=events)
        self._served = end
        return rewards

    def _differs(self, requests: int) -> None:
        raise ParameterError(
            f"{self.name} must be served the requests it was given, in order: the {requests} requests "
            f"from position {self._served} differ"
        )

    def reset(self) -> None:
        super().reset()
        self._served = 0
