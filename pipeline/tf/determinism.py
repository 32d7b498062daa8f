"""Determinism: on as far as it goes; it refuses random ops that were given no seed."""

from collections.abc import Callable
from typing import TypeVar

import tensorflow as tf
from tensorflow.python.framework import config

_T = TypeVar("_T")


def run_deterministic(call: Callable[[], _T]) -> _T:
    """Return what a call returns; where determinism refuses it, it is turned off for good."""
    try:
        return call()
    except tf.errors.InvalidArgumentError as error:
        if "determinism" not in str(error).lower():
            raise
    # Not public; tf.config.experimental has only the way to turn it on.
    config.disable_op_determinism()
    return call()
