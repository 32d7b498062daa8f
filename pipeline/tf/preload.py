"""Preload: imports the modules that jobs need, once for each worker server.

Among them are the modules of this package that most jobs share, with the classes of their records:
a job that imports them itself takes 0.5 s longer, more than the conversion of a small model.

The converter is imported as it is. Stubs for its unconditional imports,
`tensorflow_decision_forests` and `tensorflowjs.converters.jax_conversion`, would save 0.05 of 2.5
seconds and 24 MiB (benchmarks/convert_imports.py), but a model of TF-DF would look like a model
with a custom op.
"""

import random

import numpy as np
import tensorflow as tf
import tensorflowjs.converters.tf_saved_model_conversion_v2  # noqa: F401

import pipeline.tf.saved_model.convert_saved_model
import pipeline.tf.saved_model.saved_model_reference
import pipeline.tf.tfjs_graph.graph_reference
import pipeline.tf.tfjs_graph.noise_floor  # noqa: F401

SEED = 0


def begin_job() -> None:
    """Put every source of random numbers into the same state for each job."""
    random.seed(SEED)
    np.random.seed(SEED)  # noqa: NPY002  # the global state is what libraries use
    tf.random.set_seed(SEED)
