"""Metadata of an OpenVINO model: what its authors or exporters say of it, its classes and inputs.

Read are `model_info`, by which OpenVINO's Model API and Ultralytics describe a model
(github.com/open-edge-platform/model_api), `framework`, which has the metadata of the ONNX file
that a model was made of, and the layouts of inputs.
"""

import json
import re
from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Any

from pipeline.proof.inputs.contract_facts import merge_facts
from pipeline.records.contract import InputContract
from pipeline.records.source import About, Labels
from pipeline.text.suggest import list_first
from pipeline.tf.onnx import onnx_metadata
from pipeline.tf.onnx.onnx_graph import End
from pipeline.tf.openvino.openvino_model import OpenvinoModel

_PARTS = ("framework.", "model_info.")
_LABELS = "labels"
_RESIZES = {"standard": "stretch", "crop": "crop", "fit_to_window_letterbox": "letterbox"}
_YES = {"yes", "true", "1"}
_BYTES = (0.0, 255.0)
_NDIM_IMAGE = 4
_MAX_CHANNELS = 4
_NUM_ALIASES = 5
_WHERE = "model_info of the file"


def read_about(model: OpenvinoModel) -> About | None:
    """Return what a file says of the model as a whole; None where it says nothing."""
    return onnx_metadata.read_about(_plain(model))


def find_labels(model: OpenvinoModel) -> tuple[dict[str, Labels] | None, list[str]]:
    """Return the labels of outputs by name, and why others are left out."""
    return onnx_metadata.find_labels(_plain(model))


def describe_aliases(model: OpenvinoModel) -> Iterator[str]:
    """Yield a sentence on each input and output that has several names."""
    for side, ends in (("input", model.graph.inputs), ("output", model.graph.outputs)):
        for end in ends:
            if end.name in model.aliases:
                others = list_first(model.aliases[end.name], _NUM_ALIASES)
                yield f"{side} {end.name} has other names in the file, too: {others}"


def find_contracts(
    model: OpenvinoModel, *, channels_last: Collection[str] = ()
) -> dict[str, InputContract] | None:
    """Return what a file states of inputs, by name; None where it states nothing.

    Args:
        model: The file.
        channels_last: Inputs whose channels are put last in the graph.
    """
    plain = _plain(model)
    found = dict(onnx_metadata.find_contracts(plain, channels_last=channels_last) or {})
    images = [end for end in model.graph.inputs if len(end.sizes or ()) == _NDIM_IMAGE]
    for end in images:
        stated = [found[end.name]] if end.name in found else []
        if end.layout is not None:
            stated.append(_state_layout(end, channels_last))
        if len(images) == 1:
            stated.append(_describe_pixels(plain.metadata, end))
        if facts := merge_facts(stated).to_json():
            found[end.name] = InputContract.model_validate(facts)
    return found or None


def _plain(model: OpenvinoModel) -> OpenvinoModel:
    """Return a model with the metadata of those who made it alone, under their own keys."""
    stated: dict[str, str] = {}
    for start in _PARTS:
        stated |= {
            key.removeprefix(start): text
            for key, text in model.metadata.items()
            if key.startswith(start)
        }
    labels = model.metadata.get(_PARTS[1] + _LABELS)
    if labels:
        # They are separated by blanks, and have "_" in the place of blanks of their own.
        stated[_LABELS] = json.dumps(labels.split())
    return replace(model, metadata=stated)


def _state_layout(end: End, channels_last: Collection[str]) -> InputContract:
    layout = "nhwc" if end.name in channels_last else end.layout
    return InputContract.model_validate(
        {"layout": layout, "evidence": {"layout": "the layout that the file states"}}
    )


def _describe_pixels(stated: Any, end: End) -> InputContract:
    """Return what the Model API does with pixels before it feeds them."""
    facts: dict[str, Any] = {}
    if _is_yes(stated, "embedded_processing"):
        facts["range"] = _BYTES
    else:
        for fact, key in (("mean", "mean_values"), ("std", "scale_values")):
            numbers = _numbers(stated.get(key, ""))
            if len(numbers) in (1, _count_channels(end)) and (fact == "mean" or all(numbers)):
                facts[fact] = numbers
        if _is_yes(stated, "reverse_input_channels"):
            # It reads files as BGR.
            facts["color"] = "rgb"
    if stated.get("resize_type") in _RESIZES:
        facts["resize"] = _RESIZES[stated["resize_type"]]
    return InputContract(**facts, evidence=dict.fromkeys(facts, _WHERE))


def _is_yes(stated: Any, key: str) -> bool:
    return stated.get(key, "").lower() in _YES


def _count_channels(end: End) -> int:
    """Return the number of channels of a picture; 0 where it is open."""
    sizes = end.sizes or ()
    sides = (sizes[1], sizes[3]) if end.layout != "nhwc" else (sizes[3],)
    known = [size for size in sides if isinstance(size, int) and size <= _MAX_CHANNELS]
    return known[0] if known else 0


def _numbers(text: str) -> list[float]:
    """Return numbers that are separated by blanks or commas; none for another text."""
    try:
        return [float(part) for part in re.split(r"[\s,]+", text.strip("[] \t"))]
    except ValueError:
        return []
