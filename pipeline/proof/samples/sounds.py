"""Sample sounds: recordings of speech, music and a bird, at any rate and of any length."""

import re
import wave
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float64]

RATE = 16000
"""Samples a second in a model for which nobody states it."""

_STEPS = 32768.0
_PAUSE_SECONDS = 0.2
# Zero crossings of the sinc on each side, and the part of the band that passes.
_CROSSINGS, _PASSED = 24, 0.94
_ROWS = 4096
_DECIBELS = 80.0

_SUBJECTS = {
    "bird": ("crow.wav",),
    "music": ("guitar.wav",),
    "speech": ("speech-woman.wav", "speech-man.wav"),
}
_WORDS = {
    "bird": r"bird|wildlife|animal",
    "music": r"music|pitch|instrument|note|chord|beat|genre|piano|guitar|transcription",
}
_OTHERS = ("speech-woman.wav", "guitar.wav", "crow.wav", "speech-man.wav")


def order_sounds(words: str) -> tuple[str, ...]:
    """Return the recordings for a model, first those of the subject that its words name.

    Args:
        words: Task and name of the model: "audio-transcription basic-pitch".
    """
    subject = next((name for name, found in _WORDS.items() if re.search(found, words)), "speech")
    return tuple(dict.fromkeys((*_SUBJECTS[subject], *_OTHERS)))


def load_sound(
    order: Sequence[str], sample: int, *, num_samples: int, rate: int = RATE
) -> npt.NDArray[np.float32]:
    """Return a recording, float32 (num_samples,), -1 to below 1 in steps of 16 bits.

    Args:
        order: Recordings, as of `order_sounds`. After the last, they come again, quieter.
        sample: Number of the sample.
        num_samples: Its length; a recording that is shorter repeats after a pause.
        rate: Samples a second.
    """
    turn, number = divmod(sample, len(order))
    sound = _resample(_read(order[number]), rate / RATE) / (1 + turn)
    repeated = np.resize(np.append(sound, np.zeros(int(_PAUSE_SECONDS * rate))), num_samples)
    steps = np.clip(np.rint(repeated * _STEPS), -_STEPS, _STEPS - 1)
    return np.asarray(steps / _STEPS, np.float32)


@cache
def _read(name: str) -> Samples:
    path = files("pipeline.proof.samples").joinpath("data", name)
    with path.open("rb") as file, wave.open(file) as recording:
        content = recording.readframes(recording.getnframes())
    return np.frombuffer(content, "<i2").astype(np.float64) / _STEPS


def _resample(sound: Samples, ratio: float) -> Samples:
    """Return a sound at `ratio` times its rate, by a sinc under a Hann window.

    See Smith, "Digital Audio Resampling", https://ccrma.stanford.edu/~jos/resample/.
    """
    if ratio == 1:
        return sound
    band = min(1.0, ratio) * _PASSED
    reach = int(np.ceil(_CROSSINGS / band))
    padded = np.pad(sound, reach + 1)
    offsets = np.arange(-reach, reach + 1)
    made = np.empty(int(len(sound) * ratio))
    for first in range(0, len(made), _ROWS):
        times = np.arange(first, min(first + _ROWS, len(made))) / ratio
        nearest = np.rint(times).astype(int)
        distance = (times - nearest)[:, None] - offsets
        weights = band * np.sinc(band * distance) * np.cos(np.pi / 2 * distance / (reach + 1)) ** 2
        values = padded[nearest[:, None] + offsets + reach + 1]
        made[first : first + len(times)] = (weights * values).sum(axis=1)
    return made


def load_spectrogram(
    order: Sequence[str], sample: int, *, frames: int, bands: int
) -> npt.NDArray[np.uint8]:
    """Return the loudness of a recording by time and pitch, uint8 (frames, bands).

    Loudness spans 80 dB below the loudest. Windows of 25 ms lie 10 ms apart; the bands are
    triangles, evenly spread on the mel scale from 0 to 8,000 Hz.
    """
    size, hop = RATE // 40, RATE // 100
    sound = load_sound(order, sample, num_samples=size + hop * (frames - 1))
    windows = np.lib.stride_tricks.sliding_window_view(sound, size)[::hop]
    power = np.abs(np.fft.rfft(windows * np.hanning(size), 2048)) ** 2
    pitches = 2595 * np.log10(1 + np.fft.rfftfreq(2048, 1 / RATE) / 700)
    edges = np.linspace(0, pitches[-1], bands + 2)[:, None]
    rise = (pitches - edges[:-2]) / (edges[1:-1] - edges[:-2])
    fall = (edges[2:] - pitches) / (edges[2:] - edges[1:-1])
    loudness = 10 * np.log10(power @ np.clip(np.minimum(rise, fall), 0, None).T + 1e-10)
    level = 1 + (loudness - loudness.max()) / _DECIBELS
    return np.asarray(np.rint(np.clip(level, 0, 1) * 255), np.uint8)
