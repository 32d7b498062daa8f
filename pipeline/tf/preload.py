"""Preload: what a worker server imports once, so that its jobs do not.

All of the converter is imported as it is. Stubs in place of `tensorflow_decision_forests` and
`tensorflowjs.converters.jax_conversion`, its unconditional imports, would save 0.05 of 2.5
seconds and 24 MiB (benchmarks/convert_imports.py), and a model of TF-DF could not be told
apart from one with a custom op.
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
