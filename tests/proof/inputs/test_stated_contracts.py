"""Contracts of inputs: the manifest over the source, and what remains unknown."""

from typing import Any

import pytest

from pipeline.errors import ManifestError
from pipeline.manifest.input_section import InputSection
from pipeline.proof.inputs.contract_facts import json_name, merge_facts, state_fact
from pipeline.proof.inputs.describe_provisional import describe_provisional
from pipeline.proof.inputs.stated_contracts import apply_stated
from pipeline.records.contract import InputContract
from pipeline.records.signature import TensorSpec

IMAGE = TensorSpec(name="image", dtype="float32", shape=(None, 8, 8, 3))
STATE = TensorSpec(name="r1i", dtype="float32", shape=None)
BYTES = state_fact("range", (0.0, 255.0), "the graph begins with Mul")


def apply(found: dict[str, InputContract] | None = None, **stated: Any) -> dict[str, InputContract]:
    sections = {name: InputSection.model_validate(facts) for name, facts in stated.items()}
    return apply_stated(found or {}, sections, inputs=[IMAGE, STATE], outputs=["y", "r1o"])


def test_the_manifest_replaces_a_fact_of_the_source_and_says_so() -> None:
    color = state_fact("color", "rgb", "the file says so")
    made = apply({"image": merge_facts([BYTES, color])}, image={"range": [0, 1]})["image"]

    assert (made.range, made.color) == ((0.0, 1.0), "rgb")
    assert made.evidence == {"range": "models.yaml", "color": "the file says so"}


def test_range_follows_from_mean_and_std_of_each_channel() -> None:
    made = apply({"image": BYTES}, image={"mean": [120, 110, 100], "std": 50})["image"]

    assert made.range == (-120 / 50, 155 / 50)
    assert (made.mean, made.std) == ([120.0, 110.0, 100.0], [50.0, 50.0, 50.0])
    assert made.evidence == {
        "mean": "models.yaml",
        "std": "models.yaml",
        "range": "follows from mean and std",
    }


def test_a_mean_alone_is_subtracted_and_nothing_more() -> None:
    assert apply(image={"mean": 127.5})["image"].std == [1.0]
    assert apply(image={"std": 255})["image"].range == (0.0, 1.0)


def test_a_shape_is_the_sizes_of_the_contract() -> None:
    assert apply(image={"shape": [1, 8, 8, 3]})["image"].sizes == [1, 8, 8, 3]


@pytest.mark.parametrize(
    ("stated", "message"),
    [
        pytest.param(
            {"imag": {"range": [0, 1]}},
            "inputs: the model has no input 'imag'; it has image, r1i; did you mean 'image'",
            id="input",
        ),
        pytest.param(
            {"r1i": {"state": "r1"}},
            "inputs.r1i.state: the model has no output 'r1'; it has y, r1o; did you mean 'r1o'",
            id="state",
        ),
        pytest.param(
            {"image": {"shape": [1, 8, 9, 3]}},
            r"inputs.image.shape: found \[1, 8, 9, 3\]; expected \(\?, 8, 8, 3\)",
            id="shape",
        ),
        pytest.param(
            {"image": {"shape": [1, 8, 8]}}, r"expected \(\?, 8, 8, 3\)", id="number of axes"
        ),
    ],
)
def test_what_cannot_be_of_this_model_is_a_fault_of_the_manifest(
    stated: dict[str, Any], message: str
) -> None:
    with pytest.raises(ManifestError, match=message):
        apply(**stated)


@pytest.mark.parametrize(
    ("facts", "shape", "message"),
    [
        pytest.param(
            {"color": "rgb"}, (1, 8, 8, 1), r"found color: rgb; expected the channels", id="color"
        ),
        pytest.param({"mean": [1, 2, 3]}, (1, 8, 8, 1), "found 3 numbers in mean", id="mean"),
        pytest.param({"mean": [1, 2]}, (None, 8, 8, 3), "found 2 numbers in mean", id="two means"),
        pytest.param({"color": "gray"}, (None, 8, 8, 3), "found color: gray; expected", id="gray"),
        pytest.param(
            {"layout": "nchw"}, (None, 8, 8, 3), "whose 3 channels are at its other end", id="nchw"
        ),
        pytest.param(
            {"layout": "nhwc"}, (1, 3, 8, 8), "whose 3 channels are at its other end", id="nhwc"
        ),
        pytest.param({"color": "rgb"}, (1, 9), "color: found it for .* of pictures", id="row"),
        pytest.param({"sample_rate": 8000}, (1, 8, 8, 3), "expected it of sounds", id="sound"),
        pytest.param({"vocabulary": 9}, (1, 8, 8, 3), "expected it of ids", id="ids"),
        pytest.param(
            {"characters": "ascii"}, (1,), "'ascii' for float32; expected it of", id="characters"
        ),
    ],
)
def test_a_fact_of_another_shape_is_a_fault(
    facts: dict[str, Any], shape: tuple[int, ...], message: str
) -> None:
    spec = TensorSpec(name="x", dtype="float32", shape=shape)
    with pytest.raises(ManifestError, match=message):
        apply_stated({}, {"x": InputSection.model_validate(facts)}, inputs=[spec], outputs=[])


@pytest.mark.parametrize(
    ("name", "dtype", "shape", "known"),
    [
        pytest.param("image", "float32", (1, 64, 64, 3), False, id="picture"),
        pytest.param("image", "uint8", (1, 64, 64, 3), True, id="bytes"),
        pytest.param("mel", "float32", (1, 68, 21, 1), False, id="field"),
        pytest.param("audio", "float32", (1, 16000), False, id="sound"),
        pytest.param("x", "float32", (None, 6), False, id="table"),
        pytest.param("age", "float32", (None, 1), False, id="number"),
        pytest.param("ids", "int32", (None, 16), True, id="ids"),
        pytest.param("text", "string", (None,), True, id="text"),
        pytest.param("attention_mask", "float32", (None, 16), True, id="mask"),
        pytest.param("hidden_state", "float32", (1, 32), True, id="state"),
        pytest.param("iou_threshold", "float32", (), True, id="setting"),
    ],
)
def test_numbers_in_a_range_that_nobody_states_are_provisional(
    name: str, dtype: str, shape: tuple[int | None, ...], *, known: bool
) -> None:
    specs = [TensorSpec(name=name, dtype=dtype, shape=shape)]
    stated = {name: InputContract(range=(0.0, 1.0))}

    reason = None if known else f"nobody states the range of {name}"
    assert describe_provisional(specs, task=None, contracts={}) == reason
    assert describe_provisional(specs, task=None, contracts=stated) is None


@pytest.mark.parametrize(
    ("facts", "shape"),
    [
        pytest.param({"color": "rgb", "layout": "nchw"}, (1, 3, 8, 8), id="channels first"),
        pytest.param({"mean": [1, 2, 3]}, (None, None, None, None), id="open sizes"),
        pytest.param({"color": "gray"}, (None, 8, 8), id="no axis of channels"),
        pytest.param({"color": "rgb"}, (1, 5, 8, 8, 3), id="film"),
        pytest.param({"sample_rate": 8000}, (1, 4000, 1), id="sound"),
    ],
)
def test_a_fact_that_may_be_of_this_shape_is_taken(
    facts: dict[str, Any], shape: tuple[int | None, ...]
) -> None:
    spec = TensorSpec(name="x", dtype="float32", shape=shape)
    stated = {"x": InputSection.model_validate(facts)}

    made = apply_stated({}, stated, inputs=[spec], outputs=[])["x"]
    assert set(made.evidence) >= {json_name(name) for name in facts}
