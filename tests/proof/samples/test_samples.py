"""Sample pictures, sounds, texts and tables: their content, and that it stays what it is."""

import hashlib
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.proof import samples
from pipeline.proof.samples import measurements
from pipeline.proof.samples.measurements import load_rows
from pipeline.proof.samples.pictures import load_picture, order_pictures
from pipeline.proof.samples.sounds import load_sound, load_spectrogram, order_sounds
from pipeline.proof.samples.texts import choose_texts

FOLDER = Path(samples.__file__).parent


def digest(values: Any) -> str:
    return hashlib.sha256(values.tobytes()).hexdigest()[:16]


def picture(words: str = "", sample: int = 0, **options: Any) -> Any:
    size = {"height": 96, "width": 96, "channels": 3, **options}
    return load_picture(order_pictures(words), sample, **size)


def test_each_sample_has_its_origin_and_licence() -> None:
    told = (FOLDER / "LICENSES.md").read_text("utf-8")
    files = {file.name for file in (FOLDER / "data").iterdir()}

    assert set(re.findall(r"^\| `([^`]+)` \|", told, re.MULTILINE)) == files
    assert sum(file.stat().st_size for file in (FOLDER / "data").iterdir()) < 600_000


def test_samples_stay_what_they_are() -> None:
    # Published vectors are compared with those of a later build, on another machine.
    made = {
        "picture": picture("pose"),
        "letterbox": picture("pose", 1, width=64, resize="letterbox"),
        "sound": load_sound(order_sounds("speech"), 0, num_samples=9000, rate=22050),
        "spectrogram": load_spectrogram(order_sounds("speech"), 0, frames=50, bands=21),
        "rows": load_rows(1, (3, 20)),
        "limits": load_rows(0, (3, 20), limits=(2, 7)),
    }

    assert {name: digest(values) for name, values in made.items()} == {
        "picture": "8bd4847bd70e8807",
        "letterbox": "d5d2fc0d18ece461",
        "sound": "5e9a75b744420328",
        "spectrogram": "16ab1b6ffc1938d9",
        "rows": "8ac31a944124c7d5",
        "limits": "e81adb6299d70e54",
    }


@pytest.mark.parametrize(
    ("words", "file"),
    [
        ("face-detection blazeface", "astronaut.jpg"),
        ("face-landmarks iris", "hopper.jpg"),
        ("hand-landmarks x", "hand-palm.jpg"),
        ("pose-estimation movenet", "astronaut.jpg"),
        ("ocr x", "page.jpg"),
        ("image-classification mobilenet", "chelsea.jpg"),
        ("image-classification cats-dogs", "chelsea.jpg"),
    ],
)
def test_the_subject_of_a_model_comes_first(words: str, file: str) -> None:
    order = order_pictures(words)

    assert order[0].file == file
    assert len(order) == len(set(order)) >= 5


def test_a_face_fills_the_picture_of_a_model_of_faces() -> None:
    assert order_pictures("face-landmarks facemesh")[0].box is not None
    assert order_pictures("face-detection blazeface")[0].box is None


def test_all_samples_differ_also_after_the_last_picture() -> None:
    many = [picture(sample=i).tobytes() for i in range(60)]

    assert len(set(many)) == len(many)


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 7])
def test_a_picture_has_the_size_and_channels_of_the_input(channels: int) -> None:
    pixels = picture(height=50, width=70, channels=channels)

    assert (pixels.shape, pixels.dtype.name) == ((50, 70, channels), "uint8")
    assert pixels[..., :3].std() > 20


def test_a_picture_is_stretched_cropped_or_letterboxed() -> None:
    wide = order_pictures("image-classification")  # a cat, 451 by 300
    stretched, cropped, boxed = (
        load_picture(wide, 0, height=90, width=90, channels=1, resize=resize)
        for resize in ("stretch", "crop", "letterbox")
    )

    assert (boxed[:14] == 0).all()
    assert (boxed[-14:] == 0).all()
    assert boxed[20:70].std() > 10
    assert (stretched != 0).mean() > 0.99
    # Where nothing is cut, a crop is the middle of a letterbox.
    narrow = load_picture(wide, 0, height=60, width=90, channels=1, resize="crop")
    assert np.abs(boxed[15:75].astype(int) - narrow).mean() < 1
    assert np.abs(stretched[::3].astype(int) - cropped[::3]).mean() > 5


def test_a_tone_keeps_its_pitch_at_another_rate() -> None:
    order = order_sounds("music")
    peaks = []
    for rate in (8000, 16000, 22050, 48000):
        sound = load_sound(order, 0, num_samples=rate, rate=rate)
        spectrum = np.abs(np.fft.rfft(sound))
        peaks.append(int(spectrum[50:2000].argmax()) + 50)

    assert max(peaks) - min(peaks) <= 1
    assert 80 < peaks[0] < 1000


def test_resampling_adds_nothing_above_the_band() -> None:
    sound = load_sound(order_sounds("speech"), 0, num_samples=48000, rate=48000)
    spectrum = np.abs(np.fft.rfft(sound)) ** 2

    assert spectrum[8200:].sum() < 1e-6 * spectrum.sum()


def test_sounds_are_steps_of_16_bits_and_repeat_after_a_pause() -> None:
    sound = load_sound(order_sounds("birds"), 0, num_samples=16000 * 3)

    assert (sound.dtype.name, sound.shape) == ("float32", (48000,))
    assert np.array_equal(sound * 32768, np.rint(sound * 32768))
    assert np.abs(sound[-8000:]).max() > 0.1
    assert 0.5 < np.abs(sound).max() < 1


@pytest.mark.parametrize(
    ("words", "file"),
    [
        ("audio-classification birdnet", "crow.wav"),
        ("audio-transcription basic-pitch", "guitar.wav"),
        ("speech-recognition x", "speech-woman.wav"),
        ("audio-classification yamnet", "speech-woman.wav"),
    ],
)
def test_the_sound_of_a_model_comes_first(words: str, file: str) -> None:
    assert order_sounds(words)[0] == file
    assert len(order_sounds(words)) == 4


def test_a_spectrogram_shows_loud_and_quiet() -> None:
    shown = load_spectrogram(order_sounds("music"), 0, frames=100, bands=40)

    assert (shown.shape, shown.dtype.name) == ((100, 40), "uint8")
    assert shown.max() == 255
    assert shown[:, :20].mean() > shown[:, 30:].mean()


def test_texts_are_prose_programs_and_many_scripts_in_turn() -> None:
    texts = [text.decode() for text in choose_texts(30, first=0, words=())]

    assert texts[0].isascii()
    assert "\n" in texts[1]
    assert not texts[2].isascii()
    assert len(set(texts)) > 20
    assert all(text.isascii() for text in choose_texts(30, first=0, ascii_only=True))
    assert choose_texts(2, first=1, words=["cat", "dog"]) == [b"dog", b"cat"]


def test_rows_are_of_one_scale_and_differ() -> None:
    rows = load_rows(0, (len(measurements._table()), 13))

    assert np.abs(rows.mean(axis=0)).max() < 1e-2
    assert np.abs(rows.std(axis=0) - 1).max() < 1e-2
    assert len(np.unique(rows, axis=0)) == len(rows) == 42
    assert np.array_equal(load_rows(2, (13,)), rows[34])
    assert len({load_rows(i, (13,)).tobytes() for i in range(42)}) == 42
    limited = load_rows(0, (len(measurements._table()), 13), limits=(2, 7))
    assert (limited.min(axis=0).tolist(), limited.max(axis=0).tolist()) == ([2] * 13, [7] * 13)


def test_more_columns_than_the_table_has_are_those_of_the_next_rows() -> None:
    wide, rows = load_rows(0, (2, 20)), load_rows(0, (3, 13))

    assert np.array_equal(wide[0], np.concatenate([rows[0], rows[1]])[:20])
    assert load_rows(3, ()).shape == ()
