"""Preload: imports the modules that jobs need, once for each worker server.

The converter is imported as it is. Stubs for its unconditional imports,
`tensorflow_decision_forests` and `tensorflowjs.converters.jax_conversion`, would save 0.05 of 2.5
seconds and 24 MiB (benchmarks/convert_imports.py), but a model of TF-DF would look like a model
with a custom op.
"""

import random

import numpy as np
import tensorflow as tf
import tensorflowjs.converters.tf_saved_model_conversion_v2  # noqa: F401  # for its import time

SEED = 0


def begin_job() -> None:
    """Put every source of random numbers into the same state for each job."""
    random.seed(SEED)
    np.random.seed(SEED)  # noqa: NPY002  # the global state is what libraries use
    tf.random.set_seed(SEED)
