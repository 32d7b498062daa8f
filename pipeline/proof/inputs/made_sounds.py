"""Sounds: waveforms like music, with notes, overtones and a quiet noise.

Values are whole multiples of 1/32768, as in 16-bit recordings, so that the last bit of
the machine's arithmetic does not show. It opens no file.
"""

import numpy as np
import numpy.typing as npt

from pipeline.proof.inputs.random_stream import Stream

SAMPLE_RATE = 16000
_STEPS = 32768.0
_OVERTONES = 5
_NOTE_SECONDS = 0.4
_NOISE = 0.01


def make_sound(
    num_samples: int, stream: Stream, sample_rate: int = SAMPLE_RATE
) -> npt.NDArray[np.float32]:
    """Return a waveform, float32 (num_samples,), from -1 to 1.

    Args:
        num_samples: Its length.
        stream: The random numbers that choose its notes.
        sample_rate: Samples in a second.
    """
    time = np.arange(num_samples) / sample_rate
    wave = (stream.fractions(num_samples) * 2.0 - 1.0) * _NOISE
    for number in range(int(num_samples / sample_rate / _NOTE_SECONDS) + 1):
        # A tempered scale over two octaves from 220 Hz.
        pitch = 220.0 * 2.0 ** (int(stream.integers(0, 25, 1)[0]) / 12)
        since = time - number * _NOTE_SECONDS
        envelope = np.where(since >= 0, np.exp(-5.0 * np.maximum(since, 0.0)), 0.0)
        envelope = envelope * np.clip(since * 100.0, 0.0, 1.0)
        for overtone in range(1, _OVERTONES + 1):
            angle = 2 * np.pi * pitch * overtone * since
            wave += 0.3 * envelope * np.sin(angle) / overtone**1.5
    steps = np.rint(np.clip(wave, -1.0, 1.0 - 1.0 / _STEPS) * _STEPS)
    sound: npt.NDArray[np.float32] = (steps / _STEPS).astype(np.float32)
    return sound
