"""Metadata of ONNX files: what they say of the model, of its classes and of its inputs."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from pipeline.records.source import Labels
from pipeline.tf.onnx.onnx_graph import End, Graph
from pipeline.tf.onnx.onnx_metadata import find_contracts, find_labels, parse_names, read_about
from pipeline.tf.onnx.onnx_model import OnnxModel

Sizes = Sequence[int | str | None]

# As Ultralytics 8.3 writes it, with fewer classes.
YOLO = {
    "description": "Ultralytics YOLOv8n model trained on coco.yaml",
    "author": "Ultralytics",
    "date": "2025-01-04T09:25:26.471036",
    "version": "8.3.58",
    "license": "AGPL-3.0 License (https://ultralytics.com/license)",
    "docs": "https://docs.ultralytics.com",
    "stride": "32",
    "task": "detect",
    "batch": "1",
    "imgsz": "[640, 480]",
    "names": "{0: 'person', 1: 'bicycle', 2: \"driver's seat\"}",
}
IMAGE = {"images": (1, 3, "height", "width")}


def model(
    metadata: Mapping[str, str] | None = None,
    *,
    inputs: Mapping[str, Sizes] = IMAGE,
    outputs: Mapping[str, Sizes] | None = None,
    **more: Any,
) -> OnnxModel:
    """Return a file with inputs and outputs of these sizes."""

    def ends(sizes: Mapping[str, Sizes]) -> tuple[End, ...]:
        return tuple(
            End(name=name, dtype="float32", sizes=tuple(each)) for name, each in sizes.items()
        )

    return OnnxModel(
        name="m.onnx",
        graph=Graph(
            name="g",
            inputs=ends(inputs),
            outputs=ends(outputs or {"scores": ("batch", 3)}),
            nodes=(),
            constants={},
        ),
        opsets={"": 17},
        metadata=metadata or {},
        producer="",
        **more,
    )


def names_of(found: OnnxModel) -> dict[str, list[str]]:
    labels, _ = find_labels(found)
    return {name: each.names for name, each in (labels or {}).items()}


def test_what_ultralytics_says_of_a_model() -> None:
    found = read_about(model(YOLO))

    assert found is not None
    assert found.to_json() == {
        "description": "Ultralytics YOLOv8n model trained on coco.yaml",
        "author": "Ultralytics",
        "license": "AGPL-3.0",
        "licenseText": "AGPL-3.0 License (https://ultralytics.com/license)",
    }


def test_what_others_say_of_a_model() -> None:
    stated = {"Title": "Tones", "Version": "1.2", "licence": "ask me", "author": " "}
    found = read_about(model(stated, description="Hears\x1b[2J tones."))

    assert found is not None
    assert found.to_json() == {
        "title": "Tones",
        "description": r"Hears\u001b[2J tones.",
        "version": "1.2",
        "licenseText": "ask me",
    }
    numbered = read_about(model(version=4))
    assert numbered is not None
    assert numbered.version == "4"
    assert read_about(model({"onnx.infer": "onnxruntime.quant"})) is None


def test_names_of_classes_are_labels_of_the_output_that_they_fit() -> None:
    labels, remarks = find_labels(model(YOLO))

    assert labels == {
        "scores": Labels(of="axis", names=["person", "bicycle", "driver's seat"]),
    }
    assert not remarks


@pytest.mark.parametrize(
    "outputs",
    [
        {"output0": (1, 7, 8400)},
        {"scores": ("batch", "classes")},
        {"boxes": (1, 100, 3), "scores": (1, 100, 3)},
        {"scores": ()},
    ],
)
def test_names_that_fit_no_output_for_sure_are_left_out(outputs: Mapping[str, Sizes]) -> None:
    labels, remarks = find_labels(model(YOLO, outputs=outputs))

    assert labels is None
    assert remarks == ["'names' is left out: no output has 3 places on its last axis"]


def test_outputs_with_a_row_for_each_input_share_labels() -> None:
    outputs: Mapping[str, Sizes] = {"logits": (1, 3), "scores": (1, 3), "boxes": (1, 9, 3)}

    assert names_of(model(YOLO, outputs=outputs)).keys() == {"logits", "scores"}


CHARACTERS = "a\nb\n\u3000\nc\n"


@pytest.mark.parametrize(
    ("size", "names"),
    [
        (4, ["a", "b", "\u3000", "c"]),
        (5, ["blank", "a", "b", "\u3000", "c"]),
        (6, ["blank", "a", "b", "\u3000", "c", " "]),
    ],
)
def test_the_dictionary_of_a_text_recognizer_has_a_blank_in_front(
    size: int, names: list[str]
) -> None:
    found = model({"character": CHARACTERS}, outputs={"out": ("batch", "width", size)})

    assert names_of(found) == {"out": names}
    other = model({"character": CHARACTERS}, outputs={"out": ("batch", "width", 7)})
    assert find_labels(other)[1] == [
        "'character' is left out: no output has 4 or 5 or 6 places on its last axis"
    ]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('["cat", "dog"]', ["cat", "dog"]),
        ("['cat', 'dog']", ["cat", "dog"]),
        ('{"1": "dog", "0": "cat"}', ["cat", "dog"]),
        ("{1: 'dog', 0: 'cat'}", ["cat", "dog"]),
        ("cat\r\ndog\n\n", ["cat", "dog"]),
        ("cat, dog", ["cat", "dog"]),
        ("{1: 'cat', 2: 'dog'}", None),
        ("[1, 2]", None),
        ("['cat', __import__('os')]", None),
        ("cat", None),
        ("{", None),
        ("[" * 100_000, None),
        ("[]", None),
        ("80", None),
    ],
)
def test_lists_of_names_in_all_their_forms(text: str, names: list[str] | None) -> None:
    assert parse_names(text) == names


def test_a_list_that_is_none_is_told() -> None:
    labels, remarks = find_labels(model({"labels": "{"}))

    assert labels is None
    assert remarks == ["'labels' of the metadata is left out: it is no list of names"]


def test_ultralytics_feeds_its_models_letterboxed_pictures() -> None:
    found = (find_contracts(model(YOLO)) or {})["images"]

    assert (found.range, found.color, found.resize) == ((0.0, 1.0), "rgb", "letterbox")
    assert (found.layout, found.sizes) == ("nchw", [1, 3, 640, 480])
    assert found.evidence["range"].startswith("the metadata of the file are Ultralytics'")
    last = (find_contracts(model(YOLO), channels_last={"images"}) or {})["images"]
    assert (last.layout, last.sizes) == ("nhwc", [1, 640, 480, 3])
    cropped = (find_contracts(model(YOLO | {"task": "classify"})) or {})["images"]
    assert cropped.resize == "crop"


def test_pictures_of_others_have_no_contract() -> None:
    assert find_contracts(model({"author": "Somebody", "stride": "32"})) is None
    assert find_contracts(model(YOLO, inputs={"x": (1, 80)})) is None
    assert find_contracts(model(YOLO, inputs={"x": (1, 3, 8, 8), "y": (1, 3, 8, 8)})) is None


@pytest.mark.parametrize(
    ("inputs", "rate", "expected"),
    [
        ({"audio": (1, "samples"), "fmin": ()}, "16000", {"audio": 16000}),
        ({"audio": ("batch", 1, 16000), "h": (2, "batch", 64)}, "16000.0", {"audio": 16000}),
        ({"mel": ("batch", 64, 21)}, "16000", {}),
        ({"a": (1, "samples"), "b": (1, "samples")}, "16000", {}),
        ({"audio": (1, "samples")}, "high", {}),
        ({"audio": (1, "samples")}, "-8", {}),
    ],
)
def test_the_rate_of_the_only_sound(
    inputs: Mapping[str, Sizes], rate: str, expected: dict[str, int]
) -> None:
    found = find_contracts(model({"sample_rate": rate}, inputs=inputs)) or {}

    assert {name: contract.sample_rate for name, contract in found.items()} == expected


def test_hostile_metadata_are_read_without_harm() -> None:
    stated = {"names": json.dumps(["x\u202e" * 5000, "b", "c"]), "license": "\0" * 9000}
    found = model(stated)

    assert len(names_of(found)["scores"][0]) <= 1200
    about = read_about(found)
    assert about is not None
    assert "\0" not in (about.license_text or "")
