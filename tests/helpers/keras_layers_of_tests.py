"""A layer that a model of the tests names, in a package that is not Keras."""

from typing import Any

import keras


class Scale(keras.layers.Layer):  # type: ignore[misc]
    """Doubles."""

    def call(self, inputs: Any) -> Any:
        """Return twice the inputs."""
        return inputs * 2.0
