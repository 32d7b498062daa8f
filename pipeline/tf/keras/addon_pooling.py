"""Layers of add-ons to Keras 2 that pool, pad or join, by their published formulas."""

from typing import Any

import tensorflow as tf

from pipeline.tf.keras.addon_formula import Formula


class StochasticDepth(Formula):
    """Adds a branch, scaled by the probability with which training kept it."""

    def call(self, inputs: list[tf.Tensor]) -> tf.Tensor:
        """Return shortcut + probability * branch."""
        shortcut, branch = inputs
        return shortcut + self.options["survival_probability"] * branch


class Maxout(Formula):
    """The greatest of each group of channels."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Reduce the axis to one value for each group."""
        units, axis = self.options["num_units"], self.options["axis"] % inputs.shape.rank
        sizes = tf.shape(inputs)
        groups = [inputs.shape[axis] // units, units]
        shape = tf.concat([sizes[:axis], groups, sizes[axis + 1 :]], 0)
        reduced = tf.reduce_max(tf.reshape(inputs, shape), axis)
        known = [*inputs.shape]
        known[axis] = units
        return tf.ensure_shape(reduced, known)


class ReflectionPadding2D(Formula):
    """Pads the four sides of a picture equally by its reflection."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Pad rows and columns."""
        size = one_size(self.options["padding"])
        return tf.pad(inputs, [[0, 0], [size, size], [size, size], [0, 0]], "REFLECT")


class SubPixelUpscaling(Formula):
    """Depth to space."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Move channels into rows and columns."""
        return tf.nn.depth_to_space(inputs, self.options["scale_factor"])


def one_size(padding: Any) -> int | None:
    """Return a padding that is the same on each side, else None: 3 for [[3, 3], [3, 3]]."""
    sizes = padding if isinstance(padding, list | tuple) else [padding]
    flat = {part for size in sizes for part in (size if isinstance(size, list | tuple) else [size])}
    (size,) = flat if len(flat) == 1 else (None,)
    return size if isinstance(size, int) else None


class AdaptiveAveragePooling(Formula):
    """The mean of each of `output_size` equal parts of the spatial axes.

    Attributes:
        reduce: The function of a part: the mean.
    """

    reduce = staticmethod(tf.reduce_mean)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Pool the axes."""
        return pool_parts(inputs, self.options["output_size"], first_axis(self), self.reduce)


class AdaptiveMaxPooling(AdaptiveAveragePooling):
    """The maximum of each of `output_size` equal parts of the spatial axes."""

    reduce = staticmethod(tf.reduce_max)


class SpatialPyramidPooling2D(Formula):
    """https://arxiv.org/abs/1406.4729 with means; rows and columns that no part gets are left."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Join the parts of each grid."""
        first = first_axis(self)
        return tf.concat([self._grid(inputs, bins, first) for bins in self.options["bins"]], first)

    @staticmethod
    def _grid(inputs: tf.Tensor, bins: list[int], first: int) -> tf.Tensor:
        sizes = tf.shape(inputs)
        whole = [(sizes[first + i] // count) * count for i, count in enumerate(bins)]
        ends = tf.concat([sizes[:first], whole, sizes[first + 2 :]], 0)
        grid = pool_parts(tf.slice(inputs, tf.zeros_like(ends), ends), bins, first, tf.reduce_mean)
        known = [*inputs.shape[:first], bins[0] * bins[1], *inputs.shape[first + 2 :]]
        flat = tf.concat([sizes[:first], [bins[0] * bins[1]], sizes[first + 2 :]], 0)
        return tf.ensure_shape(tf.reshape(grid, flat), known)


class MaxUnpooling2D(Formula):
    """Puts values back to the places from which tf.nn.max_pool_with_argmax took them."""

    def call(self, updates: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
        """Return pictures of zeros and the values; a place is one of a flat picture."""
        sizes = tf.shape(updates)
        rows, columns = self._picture(sizes)
        total = rows * columns * sizes[3]
        starts = tf.reshape(tf.range(sizes[0]) * total, [-1, 1, 1, 1])
        places = tf.reshape(tf.cast(mask, tf.int32) + starts, [-1, 1])
        flat = tf.scatter_nd(places, tf.reshape(updates, [-1]), [sizes[0] * total])
        return tf.reshape(flat, [-1, rows, columns, updates.shape[3]])

    def _picture(self, sizes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        if "output_size" in self.options:
            return tuple(self.options["output_size"][1:3])
        steps, pool = self.options["strides"], self.options["pool_size"]
        if self.options["padding"] == "SAME":
            return sizes[1] * steps[0], sizes[2] * steps[1]
        return (sizes[1] - 1) * steps[0] + pool[0], (sizes[2] - 1) * steps[1] + pool[1]


def first_axis(layer: Formula) -> int:
    """Return the first spatial axis of a layer: 1 for channels_last, 2 for channels_first."""
    return 2 if layer.options["data_format"] == "channels_first" else 1


def pool_parts(inputs: tf.Tensor, counts: list[int], first: int, reduce: Any) -> tf.Tensor:
    """Reduce each of the axes from `first` on to a number of equal parts."""
    for axis, count in enumerate(counts, first):
        sizes = tf.shape(inputs)
        parts = [count, sizes[axis] // count]
        shape = tf.concat([sizes[:axis], parts, sizes[axis + 1 :]], 0)
        known = [*inputs.shape[:axis], count, *inputs.shape[axis + 1 :]]
        inputs = tf.ensure_shape(reduce(tf.reshape(inputs, shape), axis + 1), known)
    return inputs
