"""Bytes of keys and values a token of named language models takes.

Grouped-query attention keeps, for each layer and each head of keys and values, two vectors of the head's size:
``2 * layers * kv_heads * head_dim * bytes``. Multi-head latent attention (DeepSeek) keeps one latent vector
and one rotary key a layer: ``layers * (kv_lora_rank + qk_rope_head_dim) * bytes``. Layers, heads and sizes
are those of the models' published configuration files.

Examples
--------
>>> bytes_per_token("llama-3.1-8b")
131072
>>> blocks_in("10gb", "llama-3.1-8b", block_tokens=512)
149
"""

from __future__ import annotations

from typing import NamedTuple

from olearn.errors import ParameterError, check_positive_int, unknown


class Model(NamedTuple):
    """What decides the size of a token's keys and values: numbers a layer and layers."""

    layers: int
    #: Numbers that a layer keeps of a token.
    numbers: int
    how: str


def _grouped(layers: int, kv_heads: int, head_dim: int) -> Model:
    return Model(layers, 2 * kv_heads * head_dim, f"2 x {kv_heads} heads x {head_dim}, {layers} layers")


def _latent(layers: int, rank: int, rope: int) -> Model:
    return Model(layers, rank + rope, f"latent {rank} + {rope}, {layers} layers")


MODELS = {
    "llama-2-7b": _grouped(32, 32, 128),
    "llama-2-70b": _grouped(80, 8, 128),
    "llama-3.1-8b": _grouped(32, 8, 128),
    "llama-3.1-70b": _grouped(80, 8, 128),
    "llama-3.1-405b": _grouped(126, 8, 128),
    "mistral-7b": _grouped(32, 8, 128),
    "mixtral-8x7b": _grouped(32, 8, 128),
    "mixtral-8x22b": _grouped(56, 8, 128),
    "qwen2.5-7b": _grouped(28, 4, 128),
    "qwen2.5-72b": _grouped(80, 8, 128),
    "qwen3-8b": _grouped(36, 8, 128),
    "qwen3-30b-a3b": _grouped(48, 4, 128),
    "qwen3-235b-a22b": _grouped(94, 4, 128),
    "deepseek-v2-lite": _latent(27, 512, 64),
    "deepseek-v3": _latent(61, 512, 64),
}
#: Bytes of a number.
PRECISIONS = {"fp32": 4.0, "fp16": 2.0, "bf16": 2.0, "fp8": 1.0, "int8": 1.0, "int4": 0.5}
_UNITS = {
    "kb": 1e3,
    "mb": 1e6,
    "gb": 1e9,
    "tb": 1e12,
    "kib": 2**10,
    "mib": 2**20,
    "gib": 2**30,
    "tib": 2**40,
    "b": 1.0,
}


def bytes_per_token(model: str, precision: str = "bf16") -> int:
    """Bytes of keys and values of one token.

    Raises
    ------
    UnknownNameError
        With the nearest name.
    """
    if model not in MODELS:
        raise unknown("model", str(model), MODELS)
    if precision not in PRECISIONS:
        raise unknown("precision", str(precision), PRECISIONS)
    return int(MODELS[model].layers * MODELS[model].numbers * PRECISIONS[precision])


def blocks_in(size: str, model: str, block_tokens: int, precision: str = "bf16") -> int:
    """Blocks of `block_tokens` tokens that fit into a size such as ``"40gb"`` (10^9) or ``"40gib"`` (2^30).

    Raises
    ------
    ParameterError
        A size that is not understood, or in which no block fits.
    """
    text = str(size).strip().lower()
    unit = next((u for u in sorted(_UNITS, key=len, reverse=True) if text.endswith(u)), None)
    try:
        volume = float(text[: -len(unit)] if unit else text) * _UNITS[unit or "b"]
    except ValueError:
        volume = -1.0
    if not 0 < volume < float("inf"):
        raise ParameterError(f"a size is written 40gb, 512mib or a number of bytes, got {size!r}")
    block = bytes_per_token(model, precision) * check_positive_int("block_tokens", block_tokens)
    if volume < block:
        raise ParameterError(
            f"{size} holds no block: one of {block_tokens} tokens of {model} takes {block:,} bytes"
        )
    return int(volume // block)
