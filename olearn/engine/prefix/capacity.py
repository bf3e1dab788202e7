"""Capacities of prefix caches: blocks, shares of the distinct blocks, bytes of a named model."""

from __future__ import annotations

from typing import Any

from olearn.errors import ParameterError


def parse_blocks(asked: Any, chains: Any, model: str | None = None, precision: str = "bf16") -> int:
    """Blocks that a capacity stands for.

    Raises
    ------
    ParameterError
        Not understood, below one block, or bytes without a model.

    Examples
    --------
    >>> from olearn.traces.llm import ChainTrace
    >>> chains = ChainTrace.from_ids([[1, 2, 3, 4]], block_tokens=16)
    >>> parse_blocks("50%", chains), parse_blocks("10mib", chains, "llama-3.1-8b")
    (2, 5)
    """
    text = str(asked).strip().lower()
    if text.endswith("b") or text.endswith("bytes"):
        if model is None:
            raise ParameterError(f"a capacity in bytes ({asked}) needs to know the model: give model (--model)")
        from olearn.traces.llm.models import blocks_in

        return blocks_in(text, model, chains.block_tokens, precision)
    try:
        share = text.endswith("%")
        value = float(text[:-1]) / 100 * chains.catalog_size if share else float(text)
        blocks = max(1, round(value)) if share and value > 0 else int(value)
        if not share and blocks != value:
            raise ValueError
    except (ValueError, OverflowError):
        raise ParameterError(
            "a capacity is a number of blocks (2000), a share (5%) or, with a model, a size (40gb), "
            f"got {asked!r}"
        ) from None
    if blocks < 1:
        raise ParameterError(f"capacity must be at least 1 block, got {asked!r}")
    return blocks
