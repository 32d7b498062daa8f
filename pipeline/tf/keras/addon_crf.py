"""The conditional random field of tensorflow_addons, by its published formula."""

from typing import Any

import tensorflow as tf
import tf_keras

from pipeline.tf.keras.addon_formula import Formula


class CRF(Formula):
    """The best chain of tags by Viterbi's algorithm: https://arxiv.org/abs/1508.01991, section 2.3.

    A mask is true at the start of each sequence, and false behind its end, where tags are 0.
    """

    def build(self, input_shape: Any) -> None:
        """Make the scores of pairs of tags, of first and last tags, and of each value."""
        units = self.options["units"]
        self.chain_kernel = self.add_weight("chain_kernel", (units, units))
        self.left_boundary = self.right_boundary = 0.0
        if self.options["use_boundary"]:
            self.left_boundary = self.add_weight("left_boundary", (units,))
            self.right_boundary = self.add_weight("right_boundary", (units,))
        self._dense_layer = None
        if self.options["use_kernel"]:
            self._dense_layer = tf_keras.layers.Dense(units)
            self._dense_layer.build(input_shape)

    def call(self, inputs: tf.Tensor, mask: tf.Tensor | None = None) -> list[tf.Tensor]:
        """Return tags int32 (batch, length), scores, lengths int64, and scores of pairs."""
        scores = inputs if self._dense_layer is None else self._dense_layer(inputs)
        inside = tf.ones(tf.shape(inputs)[:2], tf.int32) if mask is None else mask
        inside = tf.cast(inside, tf.int32)
        scores += self._boundaries(tf.cast(inside, scores.dtype))
        lengths = tf.reduce_sum(tf.cast(inside, tf.int64), 1)
        tags = best_tags(scores, self.chain_kernel, inside)
        return [tags, scores, lengths, tf.identity(self.chain_kernel)]

    def _boundaries(self, inside: tf.Tensor) -> tf.Tensor:
        padded = tf.pad(inside, [[0, 0], [1, 1]])
        starts, ends = (tf.nn.relu(inside - other) for other in (padded[:, :-2], padded[:, 2:]))
        left = tf.expand_dims(starts, -1) * self.left_boundary
        return left + tf.expand_dims(ends, -1) * self.right_boundary


def best_tags(scores: tf.Tensor, pairs: tf.Tensor, inside: tf.Tensor) -> tf.Tensor:
    """Return the tags of the greatest total score, int32 (batch, length); 0 outside.

    Args:
        scores: (batch, length, tags).
        pairs: (tags, tags), of a tag and of the next.
        inside: int32 (batch, length), 1 within a sequence and 0 behind it.
    """
    first, later = scores[:, 0], tf.transpose(scores[:, 1:], [1, 0, 2])
    goes_on = tf.expand_dims(tf.transpose(inside[:, 1:]), -1) > 0
    same = tf.zeros_like(first, tf.int32) + tf.range(scores.shape[-1])

    def advance(state: Any, step: Any) -> tuple[tf.Tensor, tf.Tensor]:
        score, goes = step
        paths = tf.expand_dims(state[0], 2) + pairs
        origins = tf.argmax(paths, 1, tf.int32)
        return (
            tf.where(goes, tf.reduce_max(paths, 1) + score, state[0]),
            tf.where(goes, origins, same),
        )

    totals, origins = tf.scan(advance, (later, goes_on), (first, same))
    last = tf.argmax(tf.concat([first[None], totals], 0)[-1], 1, tf.int32)
    earlier = tf.scan(
        lambda tag, origin: tf.gather(origin, tag, axis=1, batch_dims=1),
        origins,
        last,
        reverse=True,
    )
    return tf.transpose(tf.concat([earlier, last[None]], 0)) * inside
