"""Repairs TimeDistributed of Keras 3 for a number of steps that only the run knows.

Keras 3 (3.15.1 at least, keras/src/layers/rnn/time_distributed.py) then takes the size of the
batch for the number of steps: it reads the shape before it swaps the axes, and axis 0 after. A
batch of 2 with 5 steps gives 2 steps. Here the steps become part of the batch, as in tf_keras; if
Keras knows their number, nothing changes. This can go with a Keras that reads the right axis.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
from keras import ops


@contextmanager
def count_steps() -> Iterator[None]:
    """Let models of Keras 3 that are traced in this context go through all steps."""
    layer = keras.layers.TimeDistributed
    original = layer.call

    def call(self: Any, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        if inputs.shape[1] is not None:
            return original(self, inputs, training=training, mask=mask)
        given: dict[str, Any] = {}
        if self.layer._call_has_training_arg:  # noqa: SLF001  # the pinned Keras has no other way
            given["training"] = training
        if self.layer._call_has_mask_arg and mask is not None:  # noqa: SLF001  # the pinned Keras has no other way
            given["mask"] = ops.reshape(mask, (-1, *ops.shape(mask)[2:]))
        batch, steps, *sizes = ops.shape(inputs)
        outputs = self.layer.call(ops.reshape(inputs, (-1, *sizes)), **given)
        return ops.reshape(outputs, (batch, steps, *ops.shape(outputs)[1:]))

    layer.call = call
    try:
        yield
    finally:
        layer.call = original
