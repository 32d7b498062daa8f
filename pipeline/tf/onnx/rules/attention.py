"""Attention as ONNX Runtime's own operators have it.

The heads of queries, keys and values are apart, (batch, heads, tokens, width), where they are
multiplied. Caches of keys and values are inputs and outputs of the graph; those that grow in the
memory of an input are refused, as TensorFlow.js changes no tensor.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.tf.layout.sizes import Size, is_known, materialize
from pipeline.tf.layout.value import Value, reshape_held, wrap
from pipeline.tf.onnx.call import Call, Table

_LOWEST = float(np.finfo(np.float32).min)
_FILTER = -10000.0
_RAW_MASK, _MASK_OF_QUERIES = 2, 3


@dataclass(frozen=True, kw_only=True)
class Heads:
    """Queries, keys or values of all heads.

    Attributes:
        tensor: float32 (batch, heads, tokens, width).
        batch: The size of the batch.
        tokens: The number of tokens.
        num_heads: The number of heads.
        width: The width of one head.
    """

    tensor: Any
    batch: Size
    tokens: Size
    num_heads: int
    width: int

    def behind(self, past: Value) -> "Heads":
        """Return what is cached, (batch, heads, tokens, width), with these behind it."""
        joined = tf.concat([past.plain, self.tensor], 2)
        return Heads(
            tensor=joined,
            batch=self.batch,
            tokens=past.sizes[2] + self.tokens,
            num_heads=self.num_heads,
            width=self.width,
        )

    @property
    def value(self) -> Value:
        """The tensor with its sizes."""
        sizes = (self.batch, self.num_heads, self.tokens, self.width)
        return wrap(self.tensor, "float32", sizes=sizes)


def _split_heads(tensor: Any, batch: Size, tokens: Size, num_heads: int) -> Heads:
    """Return (batch, tokens, heads * width) as heads."""
    width = int(tensor.shape[-1]) // num_heads
    apart = reshape_held(tensor, [batch, tokens, num_heads, width])
    return Heads(
        tensor=tf.transpose(apart, [0, 2, 1, 3]),
        batch=batch,
        tokens=tokens,
        num_heads=num_heads,
        width=width,
    )


def _attend(query: Heads, key: Heads, value: Heads, scale: float, biases: Sequence[Any]) -> Value:
    """Return (batch, queries, heads * width): what the queries take of the values.

    Args:
        query: The queries.
        key: The keys.
        value: The values, one for each key.
        scale: The factor of the products of queries and keys.
        biases: What is added to the products: each of a shape that broadcasts to (batch, heads,
            queries, keys).
    """
    scores = tf.matmul(query.tensor * scale, key.tensor, transpose_b=True)
    for bias in biases:
        scores = scores + bias
    made = tf.matmul(tf.nn.softmax(scores), value.tensor)
    width = value.num_heads * value.width
    sizes = (query.batch, query.tokens, width)
    joined = reshape_held(tf.transpose(made, [0, 2, 1, 3]), sizes)
    return wrap(joined, "float32", sizes=sizes)


def _read_scale(call: Call, width: int) -> float:
    return float(call.attribute("scale", 0.0)) or float(width) ** -0.5


def _causal(query: Heads, key: Heads) -> Any:
    """Return a bias that keeps each query from the keys behind it; the last ones stand together."""
    if is_known(query.tokens) and is_known(key.tokens):
        num_queries, num_keys = int(query.tokens), int(key.tokens)
        last = np.arange(num_keys - num_queries, num_keys)
        behind = np.arange(num_keys)[None] > last[:, None]
        return tf.constant(np.where(behind, np.float32(_LOWEST), np.float32(0)))
    rows = tf.range(materialize(query.tokens)) + materialize(key.tokens - query.tokens)
    behind = tf.range(materialize(key.tokens)) > tf.expand_dims(rows, 1)
    return tf.where(behind, _LOWEST, 0.0)


def _mask(call: Call, mask: Value, query: Heads, key: Heads) -> Any:
    """Return the bias of a mask that is 0 for keys that no query may see.

    A vector has the number of keys of each sequence; one of twice that length also the first key.
    """
    number = float(call.attribute("mask_filter_value", _FILTER))
    if mask.rank == 1:
        seen = _mask_of_lengths(call, mask, query.batch, key.tokens)
    else:
        seen = mask.plain if mask.dtype == "bool" else mask.plain > 0
        if mask.rank == _RAW_MASK:
            seen = seen[:, None, None, :]
        elif mask.rank == _MASK_OF_QUERIES:
            seen = seen[:, None]
        else:
            raise call.refuse(f"its mask has {mask.rank} axes")
    return tf.where(seen, 0.0, number)


def _mask_of_lengths(call: Call, mask: Value, batch: Size, tokens: Size) -> Any:
    places = tf.range(materialize(tokens))
    count = mask.sizes[0]
    if count == batch:
        seen = places < mask.plain[:, None]
    elif count == batch * 2:
        end, start = tf.split(mask.plain, 2)
        seen = tf.logical_and(places < end[:, None], places >= start[:, None])
    else:
        raise call.refuse("its mask is of an unknown form")
    return seen[:, None, None, :]


def _attention(call: Call) -> list[Any]:
    """Attention: queries, keys and values are made of one input."""
    value, weights = call.value(0), call.value(1)
    if call.attribute("do_rotary", 0) or call.attribute("past_present_share_buffer", 0):
        raise call.refuse("it changes its cache in place, or turns positions itself")
    num_heads = int(call.attribute("num_heads"))
    width = weights.sizes[1]
    parts = list(call.attribute("qkv_hidden_sizes") or [width // 3] * 3)
    batch, tokens, features = value.sizes
    flat = reshape_held(value.plain, [batch * tokens, features])
    product = tf.matmul(flat, weights.plain)
    if call.has(2):
        product = product + call.plain(2)
    product = reshape_held(product, [batch, tokens, width])
    query, key, own = (
        _split_heads(part, batch, tokens, num_heads) for part in tf.split(product, parts, axis=-1)
    )
    if call.has(4):
        past = call.plain(4)
        sizes = call.value(4).sizes[1:]
        key, own = (
            part.behind(wrap(past[i], "float32", sizes=sizes)) for i, part in enumerate((key, own))
        )
    biases = []
    if call.has(3):
        biases.append(_mask(call, call.value(3), query, key))
    if call.attribute("unidirectional", 0):
        biases.append(_causal(query, key))
    if call.has(5):
        biases.append(call.plain(5))
    made = _attend(query, key, own, _read_scale(call, query.width), biases)
    if not any(call.node.outputs[1:]):
        return [made]
    present = (2, *key.value.sizes)
    return [made, wrap(tf.stack([key.tensor, own.tensor]), "float32", sizes=present)]


def _multi_head_attention(call: Call) -> list[Any]:
    """MultiHeadAttention: queries, keys and values come apart, or packed in one input."""
    if call.has(8) or call.has(9):
        raise call.refuse("it changes its cache in place")
    num_heads = int(call.attribute("num_heads"))
    query, key, value = _read_heads(call, num_heads)
    if call.has(6):
        key, value = key.behind(call.value(6)), value.behind(call.value(7))
    biases = []
    if call.has(4):
        mask = call.value(4)
        if mask.rank == 1 and mask.sizes[0] != query.batch:
            raise call.refuse("its mask is of sequences without padding")
        biases.append(_mask(call, mask, query, key))
    if call.attribute("unidirectional", 0):
        biases.append(_causal(query, key))
    if call.has(5):
        biases.append(call.plain(5))
    if len(call.node.outputs) > 3:  # noqa: PLR2004
        raise call.refuse("it returns its products")
    made = _attend(query, key, value, _read_scale(call, query.width), biases)
    return [made, key.value, value.value]


def _read_heads(call: Call, num_heads: int) -> tuple[Heads, Heads, Heads]:
    """Return queries, keys and values with their biases."""
    query = call.value(0)
    batch, tokens = query.sizes[:2]
    biases = _split_bias(call, query)
    if query.rank == 5:  # noqa: PLR2004  # (batch, tokens, heads, 3, width)
        parts = _unpack(query, 3)
        return tuple(  # type: ignore[return-value]  # three
            _split_heads(_add(part, bias), batch, tokens, num_heads)
            for part, bias in zip(parts, biases, strict=True)
        )
    first = _split_heads(_add(query.plain, biases[0]), batch, tokens, num_heads)
    if not call.has(1):
        raise call.refuse("it has no keys")
    key = call.value(1)
    if key.rank == 5:  # noqa: PLR2004  # (batch, tokens, heads, 2, width)
        others = _unpack(key, 2)
        num_keys = key.sizes[1]
    elif key.rank == 4:  # noqa: PLR2004  # heads already
        keys, values = (
            Heads(
                tensor=each.plain,
                batch=batch,
                tokens=each.sizes[2],
                num_heads=num_heads,
                width=int(each.sizes[3]),  # type: ignore[arg-type]
            )
            for each in (key, call.value(2))
        )
        return first, keys, values
    else:
        others = [key.plain, call.plain(2)]
        num_keys = key.sizes[1]
    keys, values = (
        _split_heads(_add(part, bias), batch, num_keys, num_heads)
        for part, bias in zip(others, biases[1:], strict=True)
    )
    return first, keys, values


def _add(tensor: Any, bias: Any) -> Any:
    return tensor if bias is None else tensor + bias


def _split_bias(call: Call, query: Value) -> list[Any]:
    """Return the biases of queries, keys and values."""
    if not call.has(3):
        return [None] * 3
    packed = 5
    if query.rank == packed:
        return list(tf.split(call.plain(3), 3))
    hidden, whole = query.sizes[-1], call.value(3).sizes[0]
    return list(tf.split(call.plain(3), [hidden, hidden, whole - hidden * 2]))


def _unpack(value: Value, count: int) -> list[Any]:
    """Return the parts of (batch, tokens, heads, parts, width), each with its heads joined."""
    batch, tokens, num_heads, _, width = value.sizes
    parts = tf.unstack(value.plain, num=count, axis=3)
    return [reshape_held(part, [batch, tokens, num_heads * width]) for part in parts]


_IN_PLACE = "it changes a cache of keys and values in place, and TensorFlow.js changes no tensor"

REFUSED: Mapping[str, str] = {
    "DecoderMaskedMultiHeadAttention": _IN_PLACE,
    "DecoderMaskedSelfAttention": _IN_PLACE,
    "GroupQueryAttention": _IN_PLACE,
    "PackedAttention": "its sequences are packed without padding",
    "PackedMultiHeadAttention": "its sequences are packed without padding",
    "PagedAttention": _IN_PLACE,
    "SparseAttention": _IN_PLACE,
}
"""Operators of ONNX Runtime that cannot be converted, with the reason."""

MICROSOFT: Table = {
    "Attention": _attention,
    "MultiHeadAttention": _multi_head_attention,
}
