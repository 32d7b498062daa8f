"""Rotary positions: each token's numbers are turned by the angles of its place.

https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.RotaryEmbedding
"""

from typing import Any

import tensorflow as tf

from pipeline.tf.layout.sizes import Size, materialize
from pipeline.tf.layout.value import Value, reshape_held, wrap
from pipeline.tf.onnx.call import Call, Table


def _rotate(call: Call) -> Value:
    """RotaryEmbedding: turns the pairs of numbers of each head by angles of its position."""
    if call.attribute("is_packed_batching", 0):
        raise call.refuse("its sequences are packed without padding")
    value, cosines = call.value(0), call.value(2)
    num_heads = int(call.attribute("num_heads", 0))
    turned = int(call.attribute("rotary_embedding_dim", 0)) or int(cosines.sizes[1]) * 2  # type: ignore[arg-type]
    has_heads = value.rank == 4  # noqa: PLR2004  # (batch, heads, tokens, width)
    batch, tokens = value.sizes[0], value.sizes[2 if has_heads else 1]
    tensor = value.plain
    if not has_heads:
        features = int(value.sizes[2])  # type: ignore[arg-type]
        heads = num_heads or features // turned
        tensor = reshape_held(tensor, [batch, tokens, heads, features // heads])
    angles = [_angles(call, index, tokens, axis=1 if has_heads else 2) for index in (2, 3)]
    own, rest = tensor[..., :turned], tensor[..., turned:]
    made = _turn(own, *angles, is_interleaved=bool(call.attribute("interleaved", 0)))
    if turned < tensor.shape[-1]:
        made = tf.concat([made, rest], -1)
    scale = float(call.attribute("scale", 1.0))
    if scale != 1.0:
        made = made * scale
    return wrap(reshape_held(made, value.sizes), value.dtype, sizes=value.sizes)


def _angles(call: Call, index: int, tokens: Size, axis: int) -> Any:
    """Return the cosines or sines of all tokens: (batch, 1, tokens, pairs), or the axes swapped."""
    positions, table = call.value(1), call.plain(index)
    if positions.rank == 1:
        count = materialize(tokens)
        places = tf.reshape(positions.plain, []) + tf.range(count)
        rows = tf.expand_dims(tf.gather(table, places), 0)
    else:
        rows = tf.gather(table, positions.plain)
    return tf.expand_dims(rows, axis)


def _turn(tensor: Any, cosine: Any, sine: Any, *, is_interleaved: bool) -> Any:
    """Turn pairs: neighbours, or a number of the first half and one of the second."""
    if is_interleaved:
        first, second = tensor[..., ::2], tensor[..., 1::2]
    else:
        first, second = tf.split(tensor, 2, axis=-1)
    left, right = first * cosine - second * sine, first * sine + second * cosine
    if not is_interleaved:
        return tf.concat([left, right], -1)
    return tf.reshape(tf.stack([left, right], axis=-1), tf.shape(tensor))


MICROSOFT: Table = {"RotaryEmbedding": _rotate}
