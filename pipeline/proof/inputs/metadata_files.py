"""Metadata files: what a tool that exports models writes beside them about their input.

Teachable Machine writes metadata.json, Ultralytics metadata.yaml. Both come with a source that is a
folder or an archive's folder; a model.json alone is fetched without them. Ultralytics writes the
same into an ONNX file.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeGuard

import yaml

from pipeline.disk.json_value import decode_json
from pipeline.errors import FormatError
from pipeline.records.contract import InputContract

_TEACHABLE_MACHINE, _ULTRALYTICS = "metadata.json", "metadata.yaml"
_MAX_BYTES = 256 * 1024
_NDIM_IMAGE, _NUM_COLORS = 4, 3
_MAX_SIZE = 65_536
# libraries/image/src/utils/tf.ts of Teachable Machine: toFloat().div(127).sub(1), after a crop.
_TEACHABLE_MIDDLE = 127.0
# ultralytics/engine/predictor.py, preprocess: LetterBox, BGR to RGB, divided by 255.
_YOLO: Mapping[str, Any] = {"range": (0.0, 1.0), "color": "rgb"}


def find_beside(source: Path, shape: tuple[int | None, ...]) -> InputContract | None:
    """Return what a metadata file says of a model's only input; None without such a file.

    Args:
        source: The model: a folder, or a file in one.
        shape: Shape of the input.
    """
    if len(shape) != _NDIM_IMAGE:
        return None
    folder = source if source.is_dir() else source.parent
    return _read_teachable_machine(folder, shape) or _read_ultralytics(folder, shape)


def _read_teachable_machine(folder: Path, shape: tuple[int | None, ...]) -> InputContract | None:
    content = _read(folder / _TEACHABLE_MACHINE, lambda data: decode_json(data, "metadata").value)
    channels = shape[3]
    if content.get("packageName") != "@teachablemachine/image" or channels not in (1, _NUM_COLORS):
        return None
    middle = [_TEACHABLE_MIDDLE] * channels
    color = "gray" if channels == 1 else "rgb"
    facts: dict[str, Any] = {"mean": middle, "std": middle, "color": color, "resize": "crop"}
    evidence = f"{_TEACHABLE_MACHINE} is Teachable Machine's, which feeds (pixel - 127) / 127"
    return InputContract(**facts, evidence=dict.fromkeys(facts, evidence))


def _read_ultralytics(folder: Path, shape: tuple[int | None, ...]) -> InputContract | None:
    content = _read(folder / _ULTRALYTICS, yaml.safe_load)
    return describe_ultralytics(content, shape, where=f"{_ULTRALYTICS} is")


def describe_ultralytics(
    content: Mapping[str, Any], shape: tuple[int | None, ...], *, where: str
) -> InputContract | None:
    """Return what Ultralytics feeds a model that it exported; None for metadata of others.

    Args:
        content: The metadata by key: author, stride, task, imgsz.
        shape: Shape of the model's input.
        where: Beginning of the evidence: "metadata.yaml is".
    """
    is_theirs = content.get("author") == "Ultralytics" and "stride" in content
    if not is_theirs or len(shape) != _NDIM_IMAGE or _NUM_COLORS not in shape[1:]:
        return None
    facts: dict[str, Any] = {**_YOLO, "layout": "nhwc" if shape[3] == _NUM_COLORS else "nchw"}
    # ultralytics/data/augment.py, classify_transforms: Resize of the shorter side, CenterCrop.
    resize = "crop" if content.get("task") == "classify" else "letterbox"
    facts["resize"] = resize
    sizes = content.get("imgsz")
    if None in shape and _are_sizes(sizes):
        facts["sizes"] = [1, *sizes, 3] if facts["layout"] == "nhwc" else [1, 3, *sizes]
    how = "letterboxed" if resize == "letterbox" else "cropped"
    evidence = f"{where} Ultralytics', whose predictor feeds {how} RGB of 0 to 1"
    return InputContract(**facts, evidence=dict.fromkeys(facts, evidence))


def _are_sizes(value: Any) -> TypeGuard[list[int]]:
    return (
        isinstance(value, list)
        and len(value) == 2  # noqa: PLR2004  # height and width
        and all(type(size) is int and 0 < size < _MAX_SIZE for size in value)
    )


def _read(path: Path, parse: Any) -> Mapping[str, Any]:
    """Return the mapping in a small file; an empty one where there is none that can be read."""
    if not path.is_file() or path.stat().st_size > _MAX_BYTES:
        return {}
    try:
        content = parse(path.read_bytes())
    except (FormatError, yaml.YAMLError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}
