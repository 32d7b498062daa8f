"""The base of layers of add-ons to Keras 2 that are computed by their published formulas.

`addons` says which files mean them. They compute what inference does. The formulas are those of
tensorflow_addons 0.23, of keras_contrib, and of layers that repositories copy from one another.
"""

from typing import Any

import tf_keras

BASE_OPTIONS = frozenset(
    {"name", "trainable", "dtype", "batch_input_shape", "dynamic", "sparse", "ragged"}
)
"""Options of every layer."""


class Formula(tf_keras.layers.Layer):  # type: ignore[misc]
    """A layer that keeps the options of its config.

    Attributes:
        options: Its options, beside those of every layer.
    """

    supports_masking = True

    def __init__(self, **options: Any) -> None:
        """Keep the options of the formula apart."""
        super().__init__(**{name: options[name] for name in options if name in BASE_OPTIONS})
        self.options = {name: options[name] for name in options if name not in BASE_OPTIONS}

    def get_config(self) -> dict[str, Any]:
        """Return all options."""
        return {**super().get_config(), **self.options}
