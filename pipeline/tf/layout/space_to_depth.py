"""Moves of elements between the channels of an image and its rows and columns, channels last."""

import tensorflow as tf

from pipeline.tf.layout.convolution import channels_last
from pipeline.tf.layout.sizes import Size
from pipeline.tf.layout.value import Value, arrange, reshape_held, wrap

_RANK = 4


def depth_to_space(value: Value, block: int, *, blocks_last: bool = False) -> Value:
    """Return an image with channels moved into blocks of rows and columns.

    Args:
        value: (batch, channels, height, width).
        block: Rows and columns of a block.
        blocks_last: Whether the elements of a block lie together among the channels; else the
            channels of each element do.
    """
    held = arrange(value, channels_last(_RANK)).tensor
    batch, channels, height, width = value.sizes
    sizes = (batch, channels // (block * block), height * block, width * block)
    if not blocks_last or sizes[1] == 1:
        made = tf.nn.depth_to_space(held, block) if block > 1 else held
    else:
        parts = [batch, height, width, sizes[1], block, block]
        wide = tf.transpose(reshape_held(held, parts), [0, 1, 4, 2, 5, 3])
        made = reshape_held(wide, [sizes[axis] for axis in channels_last(_RANK)])
    return wrap(made, value.dtype, order=channels_last(_RANK), sizes=sizes)


def space_to_depth(value: Value, block: int) -> Value:
    """Return an image (batch, channels, height, width) with blocks moved into the channels."""
    held = arrange(value, channels_last(_RANK)).tensor
    batch, channels, height, width = value.sizes
    sizes: tuple[Size, ...] = (batch, channels * block**2, height // block, width // block)
    made = tf.nn.space_to_depth(held, block) if block > 1 else held
    return wrap(made, value.dtype, order=channels_last(_RANK), sizes=sizes)
