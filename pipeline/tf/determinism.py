"""Determinism: turned on as far as possible; it refuses random ops without a seed."""

from collections.abc import Callable
from typing import TypeVar

import tensorflow as tf
from tensorflow.python.framework import config

_T = TypeVar("_T")


def run_deterministic(call: Callable[[], _T]) -> _T:
    """Return the result of a call; if determinism refuses the call, turn it off for good."""
    try:
        return call()
    except tf.errors.InvalidArgumentError as error:
        if "determinism" not in str(error).lower():
            raise
    # A private function: tf.config.experimental can only turn it on.
    config.disable_op_determinism()
    return call()
