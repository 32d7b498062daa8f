"""Made-up inputs: what they are for which signature, and that they stay what they are."""

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from pipeline.errors import ConversionError, ManifestError
from pipeline.proof.inputs.contract_facts import derive_range
from pipeline.proof.inputs.input_request import EDGES
from pipeline.proof.inputs.input_shapes import MAX_ATTEMPTS, list_sizes
from pipeline.proof.inputs.made_inputs import (
    count_attempts,
    count_groups,
    is_batch_free,
    list_unstated,
    make_inputs,
    name_group,
    shows_edges,
    shows_samples,
)
from pipeline.proof.samples.sounds import load_spectrogram, order_sounds
from pipeline.proof.vector_files import Tensors
from pipeline.records.contract import InputContract
from pipeline.records.signature import TensorSpec

Sizes = Sequence[int | None] | None
Specs = list[TensorSpec]


def tensor(name: str, dtype: str, shape: Sizes) -> TensorSpec:
    return TensorSpec(name=name, dtype=dtype, shape=None if shape is None else tuple(shape))


def image(shape: Sizes, dtype: str = "float32") -> Specs:
    return [tensor("image", dtype, shape)]


def make(specs: Specs, **options: Any) -> Tensors:
    return make_inputs(specs, **{"seed": "model", "index": 0, **options})


def known(name: str = "image", **facts: Any) -> dict[str, InputContract]:
    return {name: derive_range(InputContract(**facts, evidence=dict.fromkeys(facts, "stated")))}


def digest(inputs: Tensors) -> str:
    content = b"".join(values.tobytes() for _, values in sorted(inputs.items()))
    return hashlib.sha256(content).hexdigest()[:16]


def neighbours(plane: Any) -> float:
    """Return how alike neighbouring pixels are: 0 for white noise."""
    return float(np.corrcoef(plane[:, 1:].ravel(), plane[:, :-1].ravel())[0, 1])


@pytest.mark.parametrize(
    ("specs", "expected"),
    [
        pytest.param(image([1, 64, 64, 3]), "1f60dd906bd6db5d", id="image"),
        pytest.param([tensor("audio", "float32", [None, 16000])], "891f0d4a95af1339", id="sound"),
        pytest.param([tensor("ids", "int64", [1, 8])], "96f01d358a5c4f1b", id="ids"),
        pytest.param([tensor("x", "float32", [None, 6])], "8ebfa461ba2f3d1c", id="features"),
    ],
)
def test_inputs_stay_what_they_are(specs: Specs, expected: str) -> None:
    # Published vectors are compared with those of a later build, on another machine.
    assert digest(make(specs)) == expected


def test_another_seed_index_or_name_is_other_content() -> None:
    one, other = [tensor("ids", "int32", [1, 64])], [tensor("codes", "int32", [1, 64])]
    made = [make(one), make(one, seed="other"), make(one, index=3), make(other)]

    assert len({digest(inputs) for inputs in made}) == len(made)


def test_a_picture_follows_from_task_and_name_and_number() -> None:
    specs, contracts = image([1, 32, 32, 3]), known(range=(0.0, 1.0))
    made = [
        make(specs, contracts=contracts, **options)
        for options in ({}, {"index": 1}, {"task": "face-mesh"}, {"seed": "hand-pose"})
    ]

    assert len({digest(inputs) for inputs in made}) == len(made)
    assert digest(make(specs, contracts=contracts, seed="other")) == digest(made[0])


def test_all_ranges_of_a_group_show_the_same_samples() -> None:
    specs = image([1, 32, 32, 3])
    made = [make(specs, index=i)["image"].astype(float) for i in range(6)]
    pixels = [made[i] * (255, 1, 127.5)[i % 3] + (0, 0, 127.5)[i % 3] for i in range(6)]

    assert np.allclose(pixels[0], pixels[1], atol=1e-4)
    assert np.allclose(pixels[0], pixels[2], atol=1e-4)
    assert np.allclose(pixels[3], pixels[5], atol=1e-4)
    assert not np.allclose(pixels[0], pixels[3], atol=9)


@pytest.mark.parametrize(
    ("specs", "contract", "limits"),
    [
        pytest.param(image([1, 16, 16, 3]), {"range": (-1.0, 1.0)}, (-1, 1), id="picture"),
        pytest.param(image([1, 16, 16, 3], "uint8"), {}, (0, 255), id="bytes"),
        pytest.param(image([1, 500]), {"range": (2.0, 4.0)}, (2, 4), id="numbers"),
        pytest.param(image([1, 500]), {}, (-3, 3), id="numbers of any range"),
        pytest.param(image([1, 50], "int32"), {"vocabulary": 9}, (0, 8), id="ids"),
    ],
)
def test_edges_are_noise_and_the_ends_of_the_range(
    specs: Specs, contract: dict[str, Any], limits: tuple[float, float]
) -> None:
    noise, low, high = (
        make(specs, contracts=known(**contract), edge=edge)["image"] for edge in EDGES
    )

    assert np.unique(low).tolist() == [limits[0]]
    assert np.unique(high).tolist() == [limits[1]]
    assert limits[0] <= noise.min() < noise.max() <= limits[1]
    assert len(np.unique(noise)) > 8
    assert noise.dtype == low.dtype


def test_the_low_edges_of_sounds_and_texts_are_silence_and_nothing() -> None:
    specs = [tensor("audio", "float32", [1, 16000]), tensor("text", "string", [1])]
    noise, low, high = (make(specs, edge=edge) for edge in EDGES)

    assert not low["audio"].any()
    assert low["text"].tolist() == [b""]
    assert len(high["text"][0].decode()) > 1000
    assert noise["text"][0].isascii()
    assert noise["audio"].min() < -0.9 < 0.9 < noise["audio"].max()


def test_texts_of_a_model_for_ascii_are_in_ascii() -> None:
    specs = [tensor("text", "string", [30])]

    for edge in (None, *EDGES):
        texts = make(specs, edge=edge, contracts=known("text", characters="ascii"))["text"]
        assert all(text.isascii() for text in texts), edge


@pytest.mark.parametrize(
    ("specs", "is_sample", "has_edges"),
    [
        (image([1, 16, 16, 3]), True, True),
        (image([1, 16, 16, 7]), False, True),
        ([tensor("audio", "float32", [1, 16000])], True, True),
        ([tensor("text", "string", [1])], True, True),
        ([tensor("x", "float32", [1, 9])], True, True),
        ([tensor("x", "float32", [1, 50, 9])], False, True),
        ([tensor("ids", "int32", [1, 9])], False, True),
        ([tensor("mask", "float32", [1, 9])], False, False),
    ],
)
def test_real_pictures_sounds_texts_and_tables_are_samples(
    specs: Specs, is_sample: bool, has_edges: bool
) -> None:
    assert shows_samples(specs, task=None, contracts={}) is is_sample
    assert shows_edges(specs, task=None, contracts={}) is has_edges


def test_a_spectrogram_is_that_of_a_recording() -> None:
    specs = [tensor("mel", "float32", [1, 68, 21, 1])]
    values = make(specs, task="audio-classification")["mel"][0, :, :, 0]
    shown = load_spectrogram(order_sounds("audio-classification model"), 0, frames=68, bands=21)

    assert np.allclose(values * 255, shown, atol=1e-3)


@pytest.mark.parametrize(
    ("specs", "shape", "dtype", "low", "high"),
    [
        pytest.param(image([None, 50, 60, 3]), (1, 50, 60, 3), "float32", 0, 1, id="NHWC"),
        pytest.param(image([1, 3, 50, 60]), (1, 3, 50, 60), "float32", 0, 1, id="NCHW"),
        pytest.param(
            image([None, None, None, 3]), (1, 224, 224, 3), "float32", 0, 1, id="any size"
        ),
        pytest.param(
            image([None, 3, None, None]), (1, 3, 224, 224), "float32", 0, 1, id="any, NCHW"
        ),
        pytest.param(image([None, 96, None, 3]), (1, 96, 96, 3), "float32", 0, 1, id="any width"),
        pytest.param(image([None, None, 3]), (224, 224, 3), "float32", 0, 1, id="no batch"),
        pytest.param(image([None, 28, 28]), (1, 28, 28), "float32", 0, 1, id="no channels"),
        pytest.param(image([1, 64, 64, 1]), (1, 64, 64, 1), "float32", 0, 1, id="gray"),
        pytest.param(image([1, 32, 32, 4]), (1, 32, 32, 4), "float32", 0, 1, id="four channels"),
        pytest.param(image([1, 4, 40, 40, 3]), (1, 4, 40, 40, 3), "float32", 0, 1, id="video"),
        pytest.param(
            image([1, 3, 4, 40, 40]), (1, 3, 4, 40, 40), "float32", 0, 1, id="video first"
        ),
        pytest.param(image(None), (1, 224, 224, 3), "float32", 0, 1, id="unknown rank"),
        pytest.param(image([1, 40, 40, 3], "uint8"), (1, 40, 40, 3), "int32", 9, 255, id="uint8"),
        pytest.param(image([1, 40, 40, 3], "int32"), (1, 40, 40, 3), "int32", 9, 255, id="int32"),
        pytest.param(image([1, 40, 40, 3], "bool"), (1, 40, 40, 3), "bool", 0, 1, id="bool"),
    ],
)
def test_images_are_recognized_by_shape(
    specs: Specs, shape: tuple[int, ...], dtype: str, low: float, high: float
) -> None:
    values = make(specs)["image"]

    assert (values.shape, values.dtype.name) == (shape, dtype)
    assert low <= values.min() <= values.max() <= high
    assert values.max() > high * 0.6


def test_a_channels_first_image_is_the_same_picture() -> None:
    last = make(image([1, 48, 64, 3]))["image"][0]
    first = make(image([1, 3, 48, 64]))["image"][0]

    assert np.array_equal(np.moveaxis(first, 0, 2), last)


def test_an_unknown_range_of_pixels_is_tried_in_three_ways() -> None:
    specs = image([None, 64, 64, 3])
    groups = count_groups(specs, task=None, contracts={})
    made = [make(specs, index=i)["image"] for i in range(groups)]

    assert [(round(x.min()) < 0, x.max() > 2) for x in made] == [
        (False, False),
        (False, True),
        (True, False),
    ]


def test_a_range_that_is_stated_is_kept() -> None:
    specs, contracts = image([None, 64, 64, 3]), known(range=(0.0, 255.0))
    made = [make(specs, index=i, contracts=contracts)["image"] for i in range(2)]

    assert count_groups(specs, task=None, contracts=contracts) == 1
    assert all(values.max() > 200 for values in made)


def test_the_second_sample_of_a_batch_is_the_vector_before_in_its_range() -> None:
    specs = image([None, 32, 32, 3])
    first, second = make(specs)["image"], make(specs, index=3, batch=2)["image"]

    assert is_batch_free(specs, task=None)
    assert second.shape == (2, 32, 32, 3)
    assert np.array_equal(second[1:], first)
    assert not np.array_equal(second[:1], first)
    assert not is_batch_free(image([1, 32, 32, 3]), task=None)


def test_ids_stay_below_the_vocabulary() -> None:
    specs = [tensor("x", "int64", [None, 400])]
    values = make(specs, contracts=known("x", vocabulary=50))["x"]

    assert values.dtype == np.int32
    assert (values.min(), values.max()) == (0, 49)


def test_floats_that_index_a_table_are_whole_numbers() -> None:
    specs = [tensor("x", "float32", [None, 20])]
    values = make(specs, contracts=known("x", vocabulary=50))["x"]

    assert values.dtype == np.float32
    assert np.array_equal(values, np.rint(values))
    assert values.max() > 10


def test_inputs_of_a_language_model_agree() -> None:
    names = ("input_ids", "attention_mask", "token_type_ids", "position_ids")
    specs = [tensor(name, "int32", [None, None]) for name in names]
    made = make(specs, index=1, batch=2)

    assert {values.shape for values in made.values()} == {(2, 16)}
    assert made["input_ids"].max() > 1
    assert np.unique(made["attention_mask"]).tolist() == [0, 1]
    assert np.unique(made["token_type_ids"]).tolist() == [0, 1]
    assert made["position_ids"][0].tolist() == list(range(16))


@pytest.mark.parametrize(
    ("name", "dtype", "value"),
    [
        ("downsample_ratio", "float32", 0.5),
        ("iou_threshold", "float32", 0.5),
        ("score_threshold", "float32", 0.1),
        ("max_detections", "int32", 10),
        ("keep_prob", "float32", 1.0),
        ("training", "bool", False),
        ("sample_rate", "int32", 16000),
    ],
)
def test_a_single_value_is_what_its_name_says(name: str, dtype: str, value: Any) -> None:
    made = make([tensor(name, dtype, [])])[name]

    assert made.shape == ()
    assert made.item() == pytest.approx(value)


def test_states_of_unknown_rank_start_at_zero_beside_an_image() -> None:
    specs = [
        tensor("src", "float32", [None, None, None, 3]),
        tensor("r1i", "float32", None),
        tensor("r2i", "float32", None),
        tensor("downsample_ratio", "float32", None),
    ]
    first, second = make(specs), make(specs, index=3)

    assert first["src"].shape == (1, 224, 224, 3)
    assert first["r1i"].tolist() == first["r2i"].tolist() == [[[[0.0]]]]
    assert second["r1i"].item() != 0.0
    assert first["downsample_ratio"].shape == ()
    variables = {"batch", "size", "shape of r#i", "shape of downsample_ratio"}
    assert set(list_sizes(specs, task=None, contracts={})[0]) == variables


def test_texts_are_prose_and_programs_in_turn() -> None:
    specs = [tensor("inputs", "string", [None])]
    texts = [make(specs, index=index)["inputs"] for index in range(3)]

    assert {text.shape for text in texts} == {(1,)}
    assert len({text[0] for text in texts}) == 3
    is_program = [b"\n" in text[0] for text in texts]
    assert is_program[0] != is_program[1] != is_program[2]


def test_words_of_a_table_are_taken() -> None:
    specs = [tensor("names", "string", [None])]
    made = make(specs, contracts=known("names", words=["cat", "dog"]), index=1, batch=2)

    assert sorted(made["names"].tolist()) == [b"cat", b"dog"]


def test_what_is_looked_for_is_drawn_first() -> None:
    specs = image([1, 96, 96, 3])
    made = {task: make(specs, task=task)["image"] for task in ("hand-detection", "face-mesh", "x")}

    assert len({values.tobytes() for values in made.values()}) == 3


def test_attempts_begin_with_the_usual_size_and_end() -> None:
    specs = image([None, None, None, None])
    tried = list_sizes(specs, task=None, contracts={})
    shapes = [tuple(sizes.values()) for sizes in tried]

    assert list(tried[0].items()) == [("batch", 1), ("size", 224), ("channels", 3)]
    assert tried[1]["channels"] == 1
    assert {"batch": 1, "size": 192, "channels": 3} in tried
    assert len(set(shapes)) == len(shapes) == count_attempts(specs, task=None, contracts={}) <= 100
    assert count_attempts(image([1, 32, 32, 3]), task=None, contracts={}) == 1


def test_images_to_be_enlarged_are_small() -> None:
    specs = image([None, None, None, 3])

    assert make(specs, task="super-resolution")["image"].shape == (1, 48, 48, 3)
    assert make(specs, task=None)["image"].shape == (1, 224, 224, 3)


def test_one_unusual_size_is_tried_before_two() -> None:
    time_major = [
        tensor("inputs", "float32", [None, None, 80]),
        tensor("lengths", "int32", [None]),
        tensor("state", "float32", [1, None, 896]),
        tensor("keep_prob", "float32", None),
    ]
    tried = list_sizes(time_major, task=None, contracts={})

    usual = tried[0]
    departures = [
        sum(sizes[axis] != usual[axis] for axis in sizes) for sizes in tried[:MAX_ATTEMPTS]
    ]
    assert departures == sorted(departures)
    assert {**usual, "length": 1} in tried


def test_two_images_of_unknown_size_agree() -> None:
    specs = [
        tensor("content", "float32", [None, None, None, 3]),
        tensor("style", "float32", [None, None, None, 3]),
    ]
    made = make(specs, attempt=3)

    assert made["content"].shape == made["style"].shape
    assert not np.array_equal(made["content"], made["style"])


def test_a_mask_beside_an_image_has_ones_and_zeros() -> None:
    specs = [
        tensor("image", "float32", [None, 64, 64, 3]),
        tensor("mask", "float32", [None, 64, 64, 1]),
    ]
    made = make(specs, index=3)

    assert np.unique(made["mask"]).tolist() == [0.0, 1.0]


def test_complex_inputs_are_complex() -> None:
    made = make([tensor("x", "complex64", [2, 3])])["x"]

    assert (made.shape, made.dtype.name) == ((2, 3), "complex64")


def test_an_input_that_no_machine_holds_is_refused_at_once() -> None:
    specs = [tensor("x", "float32", [99_999_999_999, 4])]

    with pytest.raises(ConversionError, match=r"input 'x' of shape \(99999999999, 4\) takes"):
        make(specs)


def test_a_batch_of_nothing_has_a_shape_all_the_same() -> None:
    assert make([tensor("x", "float32", [0, 4, 4, 3])])["x"].shape == (0, 4, 4, 3)


def test_ranges_that_nobody_states_are_groups() -> None:
    specs = [*image([1, 64, 64, 3]), tensor("mel", "float32", [1, 68, 21, 2])]
    known_range = known(range=(0.0, 1.0))

    groups = [name_group(specs, i, task=None, contracts={}) for i in range(4)]
    assert groups == ["0..1", "0..255 and -1..1", "-1..1", "0..1"]
    assert name_group(specs[:1], 1, task=None, contracts=known_range) is None
    assert list_unstated(specs, task=None, contracts=known_range) == ["mel"]


def test_a_mask_and_a_state_beside_an_image_make_no_groups() -> None:
    specs = [
        tensor("mask", "float32", [1, 64, 64, 1]),
        tensor("hidden_state", "float32", [1, 64, 64, 1]),
    ]
    assert count_groups(specs, task=None, contracts={}) == 1


def test_all_samples_of_a_batch_are_in_the_range_of_its_group() -> None:
    made = make(image([None, 64, 64, 3]), index=4, batch=2)["image"]

    assert made[0].max() > 2
    assert made[1].max() > 2


def test_mean_and_std_of_each_channel_are_obeyed() -> None:
    specs = image([1, 64, 64, 3])
    pixels = make(specs, contracts=known(range=(0.0, 255.0)))["image"]
    facts: dict[str, Any] = {"mean": [103.9, 116.8, 123.7], "std": [1.0, 57.0, 58.0]}
    made = make(specs, contracts=known(**facts))["image"]

    expected = (pixels - np.array(facts["mean"])) / np.array(facts["std"])
    np.testing.assert_allclose(made, expected, rtol=1e-5, atol=1e-5)


def test_colors_and_layout_are_obeyed() -> None:
    rgb = make(image([1, 48, 64, 3]))["image"][0]
    bgr = make(image([1, 48, 64, 3]), contracts=known(color="bgr"))["image"][0]
    grey = make(image([1, 48, 64, 3]), contracts=known(color="gray"))["image"][0]
    first = make(image([1, 3, None, 4]), contracts=known(layout="nchw"))["image"]
    last = make(image([1, 3, None, 4]), contracts=known(layout="nhwc"))["image"]

    assert np.array_equal(bgr, rgb[..., ::-1])
    assert not np.array_equal(bgr, rgb)
    assert np.array_equal(grey[..., 0], grey[..., 1])
    assert first.shape == last.shape
    assert neighbours(first[0, 0]) > 0.5


def test_a_constant_is_always_that() -> None:
    specs = [tensor("ratio", "float32", [1]), tensor("sizes", "int32", [2])]
    contracts = known("ratio", constant=0.25) | known("sizes", constant=[3.0, 4.0])
    made = make(specs, index=2, contracts=contracts)

    assert made["ratio"].tolist() == [0.25]
    assert made["sizes"].tolist() == [3, 4]


@pytest.mark.parametrize(
    ("shape", "constant", "expected"),
    [
        pytest.param([2, 2], 7.0, [[7, 7], [7, 7]], id="a number"),
        pytest.param([2, 2], [7.0], [[7, 7], [7, 7]], id="a list of one"),
        pytest.param([2, 2], [1.0, 2.0, 3.0, 4.0], [[1, 2], [3, 4]], id="all elements"),
        pytest.param([None, 2], [1.0, 2.0], [[1, 2], [1, 2]], id="elements of a sample"),
        pytest.param([None], [5.0], [5, 5], id="samples of one number"),
        pytest.param([None, 1], [5.0], [[5], [5]], id="samples of one element"),
    ],
)
def test_a_constant_has_its_elements_in_order(shape: Sizes, constant: Any, expected: Any) -> None:
    specs = [tensor("x", "int32", shape)]

    assert make(specs, batch=2, contracts=known("x", constant=constant))["x"].tolist() == expected


def test_a_constant_of_another_size_is_a_fault_of_the_manifest() -> None:
    specs = [tensor("x", "int32", [1, 3])]
    with pytest.raises(ManifestError, match=r"inputs.x.constant: found 2 numbers; expected 1 or 3"):
        make(specs, contracts=known("x", constant=[1.0, 2.0]))


def test_a_state_starts_at_zero_whatever_its_name() -> None:
    specs = image([1, 16, 16, 3])

    assert not make(specs, contracts=known(state="out"))["image"].any()
    assert make(specs, index=1, contracts=known(state="out"))["image"].any()


def test_a_state_of_whole_numbers_varies_too() -> None:
    specs = [tensor("count", "int32", [4])]

    assert make(specs, index=1, contracts=known("count", state="out"))["count"].any()


@pytest.mark.parametrize("shape", [[1, 16000], [1, 500], [1, 1]])
def test_numbers_and_sounds_are_in_their_range(shape: Sizes) -> None:
    values = make([tensor("x", "float32", shape)], contracts=known("x", range=(20.0, 30.0)))["x"]

    assert 20 <= values.min() <= values.max() <= 30


def test_the_sample_rate_changes_the_pitch() -> None:
    specs = [tensor("audio", "float32", [1, 16000])]
    slow, fast = (
        make(specs, contracts=known("audio", sample_rate=rate))["audio"] for rate in (16000, 48000)
    )

    assert np.corrcoef(fast[:, ::3][:, :5000], slow[:, :5000])[0, 1] > 0.9
