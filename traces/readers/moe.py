"""Routing of mixture-of-experts models: which experts each layer asks for, for each token.

A JSON object a line with a layer (``layer_idx``, ``layer_id``, ``layer``), a token (``token_idx``, ...)
and the experts chosen (``selected_ids``, ``topk_ids``, ``selected_experts``, ``expert_ids``,
``experts``). As a cache trace, an item is ``layer:expert`` and every expert is a request of its own.
What gets lost then, and is said: the experts of a line are needed together;
:class:`olearn.traces.llm.BatchTrace` keeps the batches.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath
from typing import Any

from olearn.traces._files import Source
from olearn.traces._gather import Block
from olearn.traces.readers._base import Reader
from olearn.traces.readers._json import head_objects, is_whole, objects

LAYERS = ("layer_idx", "layer_id", "layer")
EXPERTS = ("selected_ids", "topk_ids", "selected_experts", "expert_ids", "expert_idx", "experts")
_ROWS = 1 << 16


class MixtureOfExperts(Reader):
    """Experts that layers of a model ask for, flattened."""

    name = "moe"
    extensions = (".jsonl",)
    description = "JSON lines with a layer and its experts (mixture of experts), item = layer:expert"
    example = '{"layer_idx": 0, "token_idx": 0, "selected_ids": [3, 7], "gate_weights": [0.6, 0.4]}'
    text = True

    def sniff(self, head: bytes, path: PurePath) -> float:
        found = head_objects(head)
        return 0.95 if found and all(_name(r, LAYERS) and _name(r, EXPERTS) for r in found) else 0.0

    def blocks(self, source: Source) -> Iterator[Block | None]:
        import pyarrow as pa

        keys: list[str] = []
        batches = 0
        for number, record in objects(source, "a JSON object with a layer and its experts"):
            layer_name, experts_name = _name(record, LAYERS), _name(record, EXPERTS)
            if layer_name is None:
                raise source.error(f"line {number}: no layer; it is called {', '.join(LAYERS)}")
            if experts_name is None:
                raise source.error(f"line {number}: no experts; they are called {', '.join(EXPERTS)}")
            layer, experts = record[layer_name], record[experts_name]
            if not is_whole(layer) or layer < 0:
                raise source.error(
                    f"line {number}: {layer_name!r} must be a whole number from 0, got {layer!r}"
                )
            if not isinstance(experts, list) or not all(is_whole(e) and e >= 0 for e in experts):
                raise source.error(f"line {number}: {experts_name!r} must be a list of whole numbers from 0")
            keys += [f"{layer}:{expert}" for expert in experts]
            batches += 1
            if len(keys) >= _ROWS:
                yield Block(pa.array(keys))
                keys = []
        source.told["columns"] = {"item": "layer:expert"}
        source.note(
            f"{batches:,} batches of experts needed together are flattened to single requests "
            "(olearn.traces.llm.BatchTrace keeps the batches)"
        )
        if keys:
            yield Block(pa.array(keys))


def _name(record: dict[str, Any], names: tuple[str, ...]) -> str | None:
    return next((name for name in names if name in record), None)
