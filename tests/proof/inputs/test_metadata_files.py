"""What Teachable Machine and Ultralytics write beside a model."""

import json
from pathlib import Path

import pytest

from pipeline.proof.inputs.metadata_files import find_beside

IMAGE = (None, 224, 224, 3)
# As they write it (Teachable Machine 2.4.5, ultralytics 8.3), with fewer classes.
TEACHABLE = {
    "tfjsVersion": "1.3.1",
    "tmVersion": "2.4.5",
    "packageVersion": "0.8.4-alpha2",
    "packageName": "@teachablemachine/image",
    "timeStamp": "2022-05-05T15:16:03.207Z",
    "userMetadata": {},
    "modelName": "tm-my-image-model",
    "labels": ["cat", "dog"],
    "imageSize": 224,
}
YOLO = """description: Ultralytics YOLO11n model trained on coco.yaml
author: Ultralytics
date: '2024-10-01T09:25:26.471036'
version: 8.3.0
license: AGPL-3.0 License (https://ultralytics.com/license)
docs: https://docs.ultralytics.com
stride: 32
task: detect
batch: 1
imgsz:
- 640
- 480
names:
  0: person
  1: bicycle
"""


def test_teachable_machine_feeds_a_square_of_minus_one_to_one(tmp_path: Path) -> None:
    (tmp_path / "metadata.json").write_text(json.dumps(TEACHABLE))
    found = find_beside(tmp_path / "model.json", IMAGE)

    assert found is not None
    assert (found.mean, found.std) == ([127.0] * 3, [127.0] * 3)
    assert (found.color, found.resize) == ("rgb", "crop")
    assert found.evidence["mean"] == (
        "metadata.json is Teachable Machine's, which feeds (pixel - 127) / 127"
    )


def test_ultralytics_feeds_letterboxed_pictures_of_zero_to_one(tmp_path: Path) -> None:
    (tmp_path / "metadata.yaml").write_text(YOLO)
    found = find_beside(tmp_path, (1, None, None, 3))

    assert found is not None
    assert (found.range, found.color, found.resize) == ((0.0, 1.0), "rgb", "letterbox")
    assert (found.layout, found.sizes) == ("nhwc", [1, 640, 480, 3])
    fixed = find_beside(tmp_path, (1, 3, 640, 480))
    assert fixed is not None
    assert (fixed.layout, fixed.sizes) == ("nchw", None)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        pytest.param("metadata.json", '{"packageName": "@teachablemachine/pose"}', id="pose"),
        pytest.param("metadata.json", "{", id="no JSON"),
        pytest.param("metadata.json", "[" * 100_000, id="nested JSON"),
        pytest.param("metadata.yaml", "author: us\nstride: 32\n", id="another author"),
        pytest.param("metadata.yaml", "[" * 50_000, id="nested YAML"),
        pytest.param("metadata.yaml", "!!python/object:os.system {}", id="an object"),
        pytest.param("metadata.yaml", "- 1\n", id="a list"),
        pytest.param("metadata.yaml", YOLO + "#" * 300_000, id="too large"),
        pytest.param("labels.txt", "cat", id="another file"),
    ],
)
def test_any_other_file_says_nothing(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)

    assert find_beside(tmp_path, IMAGE) is None


def test_only_a_picture_has_such_a_file(tmp_path: Path) -> None:
    (tmp_path / "metadata.json").write_text(json.dumps(TEACHABLE))

    assert find_beside(tmp_path, (None, 14739)) is None
