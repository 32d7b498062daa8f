"""Metadata of TensorFlow Lite files: what its author says, labels, and normalization."""

import importlib
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
import tflite_models
from described_tflite import ABOUT, Fields, add_metadata, labeled, picture

pytestmark = pytest.mark.tensorflow

FIVE = "ant\nbee\ncat\ndog\nemu\n"


def read(
    *,
    name: str = "float32.tflite",
    about: Fields = ABOUT,
    inputs: Sequence[Fields] = (picture([127.5], [127.5]),),
    outputs: Sequence[Fields] = (),
    files: Mapping[str, str] | None = None,
) -> tuple[Any, Any, Any]:
    """Return model, ends and metadata of a small file with metadata."""
    model_module = importlib.import_module("pipeline.tf.tflite.read_tflite")
    signature = importlib.import_module("pipeline.tf.tflite.tflite_signature")
    content = (tflite_models.built() / name).read_bytes()
    written = add_metadata(content, about=about, inputs=inputs, outputs=outputs, files=files)
    model = model_module.parse_tflite(written, "m.tflite")
    return model, signature.choose_ends(model, None), metadata().read_metadata(model)


def metadata() -> Any:
    return importlib.import_module("pipeline.tf.tflite.tflite_metadata")


def test_the_author_says_what_it_is() -> None:
    _, _, found = read()

    assert found.about.to_json() == {
        "title": "Five things",
        "description": "Tells five things apart.",
        "author": "Somebody",
        "version": "v2",
        "license": "Apache-2.0",
        "licenseText": "Apache License. Version 2.0 http://www.apache.org/licenses/LICENSE-2.0.",
    }


def test_a_license_that_spdx_does_not_list_is_repeated_in_its_words() -> None:
    _, _, found = read(about=((5, "text", "Ask the author"),))

    assert found.about.to_json() == {"licenseText": "Ask the author"}


def test_controls_in_texts_have_no_effect() -> None:
    _, _, found = read(about=((0, "text", "a\x1b[2Jb"),))

    assert found.about.title == r"a\u001b[2Jb"


def test_a_normalization_is_the_contract_of_an_input() -> None:
    _, ends, found = read(inputs=[picture([10, 20, 30], [2, 4, 5])])

    (contract,) = metadata().find_contracts(ends, found).values()
    assert contract.to_json() == {
        "range": [-6.0, 122.5],
        "mean": [10.0, 20.0, 30.0],
        "std": [2.0, 4.0, 5.0],
        "color": "rgb",
        "evidence": dict.fromkeys(("range", "mean", "std", "color"), metadata().EVIDENCE),
    }


def test_one_mean_holds_for_all_channels() -> None:
    _, ends, found = read()

    (contract,) = metadata().find_contracts(ends, found).values()
    assert (contract.mean, contract.std, contract.range) == ([127.5] * 3, [127.5] * 3, (-1.0, 1.0))


def test_a_normalization_of_whole_numbers_is_left_to_their_scale() -> None:
    _, ends, found = read(name="int8.tflite")

    (contract,) = metadata().find_contracts(ends, found).values()
    assert (contract.color, contract.mean, contract.range) == ("rgb", None, (-128, 127))


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param(picture([1, 2], [1, 2, 3]), id="of two sizes"),
        pytest.param(picture([1], [0]), id="by zero"),
        pytest.param(picture([float("nan")], [1]), id="not a number"),
    ],
)
def test_a_normalization_that_makes_no_sense_states_nothing(fields: Fields) -> None:
    _, ends, found = read(inputs=[fields])

    (contract,) = metadata().find_contracts(ends, found).values()
    assert (contract.mean, contract.range) == (None, None)


def test_labels_of_an_output() -> None:
    axis = labeled(("de.txt", 2, "de"), ("labels.txt", 2, ""), ("vocabulary.txt", 5, ""))
    model, ends, found = read(outputs=[axis], files={"labels.txt": FIVE, "de.txt": "x\n" * 5})

    labels, remarks = metadata().find_labels(model, ends, found)
    assert {name: each.to_json() for name, each in labels.items()} == {
        next(iter(ends.outputs)): {"of": "axis", "names": ["ant", "bee", "cat", "dog", "emu"]}
    }
    assert remarks == []


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        pytest.param({"labels.txt": "ant\nbee\n"}, "2 names for an axis of 5", id="another number"),
        pytest.param({"other.txt": FIVE}, "not in the archive", id="no file"),
        pytest.param(None, "not in the archive", id="no archive"),
        pytest.param({"labels.txt": "\n\n"}, "not readable", id="empty"),
    ],
)
def test_labels_that_do_not_fit_are_left_out(files: dict[str, str] | None, reason: str) -> None:
    model, ends, found = read(outputs=[labeled(("labels.txt", 2, ""))], files=files)

    labels, (remark,) = metadata().find_labels(model, ends, found)
    assert labels is None
    assert reason in remark


def test_labels_of_values_have_any_number() -> None:
    model, ends, found = read(
        outputs=[labeled(("labels.txt", 3, ""))], files={"labels.txt": "ant\nbee\n"}
    )

    labels, _ = metadata().find_labels(model, ends, found)
    (known,) = labels.values()
    assert (known.of, known.names) == ("values", ["ant", "bee"])
