r"""Routing streams made offline: which experts a mixture-of-experts model would pick.

Each layer l has experts with popularity :math:`w_e \propto rank^{-\alpha}` (its own order of ranks) and
directions; a token is a point in a space of `dim` topics, documents pick a topic and stay with it for a
while, and a token wanders around its document's topic. The logit of an expert is its popularity's logarithm
plus `affinity` times the product of the expert's direction and the token; the `top` largest logits plus
Gumbel noise are picked. So popular experts, experts of a topic, and experts that follow each other through
the layers of a token all exist, as in recordings, and none of them is certain.

To record a real stream: llama.cpp (``llama-cli`` with an eval callback on ``ffn_moe_topk``), transformers
(``output_router_logits=True``, then top-k of every layer) and vLLM (a hook on ``FusedMoE.select_experts``)
give, per layer and token, the ids selected; write a JSON object a line: ``{"layer_idx": 0, "token_idx": 0,
"selected_ids": [3, 7]}``.

Examples
--------
>>> stream = routing_stream(tokens=100, layers=4, experts=8, top=2, seed=1)
>>> len(stream), stream.catalog_size
(400, 32)
"""

from __future__ import annotations

import numpy as np

from olearn._rng import generator
from olearn.errors import ParameterError, check_positive_int, check_real
from olearn.traces.llm.batches import BatchTrace


def routing_stream(
    tokens: int = 10_000,
    layers: int = 16,
    experts: int = 64,
    top: int = 8,
    *,
    alpha: float = 0.5,
    affinity: float = 2.0,
    document: int = 256,
    dim: int = 8,
    seed: int = 0,
) -> BatchTrace:
    """A routing stream.

    Parameters
    ----------
    tokens, layers, experts, top : int
        Tokens; layers with experts; experts of a layer; experts that a token needs in each layer.
    alpha : float
        How unequal experts are in popularity; 0: all alike.
    affinity : float
        How much a token's content decides.
    document : int
        Mean tokens of a document.
    dim : int
        Dimensions of the space of contents.
    seed : int

    Returns
    -------
    BatchTrace
        ``tokens * layers`` batches of `top` experts, token by token.
    """
    tokens, layers, experts = (
        check_positive_int(n, v) for n, v in (("tokens", tokens), ("layers", layers), ("experts", experts))
    )
    top, dim, document = (
        check_positive_int(n, v) for n, v in (("top", top), ("dim", dim), ("document", document))
    )
    if top > experts:
        raise ParameterError(f"top must be at most the number of experts, got {top} of {experts}")
    check_real("alpha", alpha, 0.0)
    check_real("affinity", affinity, 0.0)
    rng = generator(seed)
    popularity = -alpha * np.log(np.argsort(rng.random((layers, experts)), axis=1) + 1.0)
    directions = rng.standard_normal((layers, experts, dim)) / np.sqrt(dim)
    ends = rng.random(tokens) < 1.0 / document
    topics = rng.standard_normal((int(ends.sum()) + 1, dim))
    points = 0.8 * topics[np.cumsum(ends)] + 0.6 * rng.standard_normal((tokens, dim))
    picked = np.empty((tokens, layers, top), np.int32)
    for at in range(0, tokens, 4096):  # a piece at a time: memory stays small
        piece = points[at : at + 4096]
        for layer in range(layers):
            logits = popularity[layer] + affinity * piece @ directions[layer].T
            logits += rng.gumbel(size=logits.shape) * 0.5
            chosen = np.argpartition(-logits, top - 1, axis=1)[:, :top]
            order = np.argsort(-np.take_along_axis(logits, chosen, 1), axis=1)
            picked[at : at + 4096, layer] = np.take_along_axis(chosen, order, 1)
    items = picked + (np.arange(layers, dtype=np.int32) * experts)[None, :, None]
    return BatchTrace(
        np.arange(tokens * layers + 1, dtype=np.int64) * top,
        items.reshape(-1).astype(np.int32),
        np.tile(np.arange(layers, dtype=np.int32), tokens),
        np.arange(layers, dtype=np.int64),
        experts,
        f"routing({tokens} tokens, {layers} x {experts}, top {top}, seed {seed})",
    )
