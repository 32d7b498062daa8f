"""Blocks of layers of keras_cv for pictures, by their published formulas."""

from typing import Any

import keras
from keras import ops

from pipeline.tf.keras.hub_layers import HubLayer


def _normed(filters: int, size: int, activation: Any, **options: Any) -> Any:
    """Return a convolution without bias, its normalization and its activation."""
    layers = keras.layers
    return keras.Sequential(
        [
            layers.Conv2D(filters, size, padding="same", use_bias=False, **options),
            layers.BatchNormalization(),
            layers.Activation(activation),
        ]
    )


class SpatialPyramidPooling(HubLayer):
    """https://arxiv.org/abs/1706.05587, section 3.3: joins views of different width."""

    def build(self, input_shape: Any) -> None:
        """Make a convolution for each rate, that of the mean picture, and the projection."""
        filters, activation = self.options["num_channels"], self.options["activation"]
        rates = self.options["dilation_rates"]
        wide = [_normed(filters, 3, activation, dilation_rate=rate) for rate in rates]
        pooled = keras.Sequential(
            [
                keras.layers.GlobalAveragePooling2D(),
                keras.layers.Reshape((1, 1, input_shape[-1])),
                *_normed(filters, 1, activation).layers,
            ]
        )
        self.aspp_parallel_channels = [_normed(filters, 1, activation), *wide, pooled]
        for view in self.aspp_parallel_channels:
            view.build(input_shape)
        self.projection = _normed(filters, 1, activation)
        self.projection.build((*input_shape[:-1], (2 + len(rates)) * filters))
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Return the projection of the joined views."""
        *views, mean = [view(inputs) for view in self.aspp_parallel_channels]
        mean = ops.broadcast_to(mean, ops.shape(views[0]))
        return self.projection(ops.concatenate([*views, mean], axis=-1))


class FusedMBConvBlock(HubLayer):
    """https://arxiv.org/abs/2104.00298, figure 2, right: one convolution widens and mixes.

    Attributes:
        expands: Whether the block has more channels inside.
        filters: Number of channels inside.
    """

    def __init__(self, **options: Any) -> None:
        """Make the layers, in the order in which a .h5 lists them; some blocks do not call all."""
        super().__init__(**options)
        self.expands = options["expand_ratio"] != 1
        self.filters = options["input_filters"] * options["expand_ratio"]
        self.add_widening()
        self.bn2 = keras.layers.BatchNormalization()
        squeezed = max(1, int(options["input_filters"] * options["se_ratio"]))
        self.se_conv1 = keras.layers.Conv2D(squeezed, 1, activation=options["activation"])
        self.se_conv2 = keras.layers.Conv2D(self.filters, 1, activation="sigmoid")
        size = 1 if self.expands else options["kernel_size"]
        self.output_conv = self.convolution(options["output_filters"], size)
        self.bn3 = keras.layers.BatchNormalization()

    def add_widening(self) -> None:
        """Make what widens the picture."""
        size, strides = self.options["kernel_size"], self.options["strides"]
        self.conv1 = self.convolution(self.filters, size, strides)
        self.bn1 = keras.layers.BatchNormalization()
        self.act = keras.layers.Activation(self.options["activation"])

    @staticmethod
    def convolution(filters: int, size: int, strides: int = 1) -> Any:
        """Return a convolution without bias."""
        return keras.layers.Conv2D(filters, size, strides, padding="same", use_bias=False)

    def call(self, inputs: Any) -> Any:
        """Widen, excite, project and add the input where it has the shape of the output."""
        x = self.widen(inputs)
        if 0 < self.options["se_ratio"] <= 1:
            mean = ops.mean(x, axis=(1, 2), keepdims=True)
            x *= self.se_conv2(self.se_conv1(mean))
        x = self.project(self.bn3(self.output_conv(x)))
        same = self.options["input_filters"] == self.options["output_filters"]
        return x + inputs if same and self.options["strides"] == 1 else x

    def widen(self, inputs: Any) -> Any:
        """Return the picture with more channels; that without more is left to the output."""
        return self.act(self.bn1(self.conv1(inputs))) if self.expands else inputs

    def project(self, outputs: Any) -> Any:
        """Return the normalized output, activated where nothing was before."""
        return outputs if self.expands else self.act(outputs)


class MBConvBlock(FusedMBConvBlock):
    """https://arxiv.org/abs/2104.00298, figure 2, left: convolves each channel for itself."""

    def add_widening(self) -> None:
        """Make what widens the picture and what mixes its places."""
        self.conv1 = self.convolution(self.filters, 1)
        self.bn1 = keras.layers.BatchNormalization()
        self.act = keras.layers.Activation(self.options["activation"])
        size, strides = self.options["kernel_size"], self.options["strides"]
        self.depthwise = keras.layers.DepthwiseConv2D(size, strides, padding="same", use_bias=False)

    def widen(self, inputs: Any) -> Any:
        """Return the picture with more channels, each convolved."""
        return self.act(self.bn2(self.depthwise(super().widen(inputs))))

    def project(self, outputs: Any) -> Any:
        """Return the normalized output."""
        return outputs
