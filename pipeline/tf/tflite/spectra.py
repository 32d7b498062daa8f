"""Spectra."""

from typing import Any

import tensorflow as tf

from pipeline.tf.tflite.call import Call, Table, rows


def _spectrum(call: Call) -> Any:
    """Transform rows and columns; where there is one row, the row alone."""
    value = tf.convert_to_tensor(call.real(0))
    lengths = call.require(1, "length").reshape(-1).tolist()
    if lengths[0] != 1:
        return tf.signal.rfft2d(value, fft_length=lengths)
    if value.shape[-2] != 1:
        value = value[..., :1, :]
    line = tf.signal.rfft(tf.squeeze(value, -2), fft_length=lengths[1:])
    return tf.expand_dims(line, -2)


ROWS: Table = rows({"RFFT2D": _spectrum})
