"""Metadata of an ONNX file: what its exporter or author says of the model, its classes and inputs.

The file has pairs of texts (`metadata_props`) without any standard of their keys. Read are those
of Ultralytics (docs.ultralytics.com/modes/export), the dictionaries of text recognizers
(RapidAI/RapidOCR, `character`), and the plain words that others use: `labels`, `license`,
`sample_rate`.
"""

import ast
import json
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from pipeline.manifest.license_expression import find_license
from pipeline.proof.inputs.contract_facts import merge_facts, state_fact
from pipeline.proof.inputs.metadata_files import describe_ultralytics
from pipeline.records.contract import InputContract
from pipeline.records.source import About, Labels
from pipeline.text.printable import printable
from pipeline.tf.onnx.onnx_graph import End, GraphModel

_NAMES = ("names", "labels", "label_names", "classes", "class_names", "categories", "id2label")
_CHARACTERS = ("character", "characters", "charset", "alphabet")
_RATES = ("sample_rate", "sampling_rate", "samplerate")
_BLANK, _SPACE = "blank", " "
_MAX_CONTENT = 8 * 2**20
_MAX_LABEL = 200
_MAX_TEXT = 2_000
_MAX_RATE = 400_000
_NDIM_IMAGE = 4
_MAX_NDIM_SOUND = 3
_LEAST_SAMPLES = 160
_MAX_ROWS = 2
# The graph has these as int32, which holds more.
_RANGES = {"int8": (-128.0, 127.0), "uint8": (0.0, 255.0)}


def read_about(model: GraphModel) -> About | None:
    """Return what a file says of the model as a whole; None where it says nothing."""
    stated = _by_key(model)
    license_text = _say(stated, "license", "licence")
    known = find_license(license_text) if license_text else None
    # Ultralytics writes the version of its own program.
    is_own = stated.get("author") != "Ultralytics"
    version = _say(stated, "version", "model_version") if is_own else None
    about = About(
        title=_say(stated, "title", "model_name", "name"),
        description=_say(stated, "description", "short_description") or _clean(model.description),
        author=_say(stated, "author", "authors", "model_author"),
        version=version or (str(model.version) if model.version > 0 else None),
        license=known,
        license_text=None if known == license_text else license_text,
    )
    return about if about.to_json() else None


def _by_key(model: GraphModel) -> dict[str, str]:
    """Return the pairs of a file, their keys in lower case."""
    return {key.lower(): value for key, value in model.metadata.items()}


def _say(stated: Mapping[str, str], *keys: str) -> str | None:
    return next((text for key in keys if (text := _clean(stated.get(key, "")))), None)


def _clean(text: str) -> str | None:
    return printable(text.strip(), limit=_MAX_TEXT) or None


def find_labels(model: GraphModel) -> tuple[dict[str, Labels] | None, list[str]]:
    """Return the labels of outputs by name, and why others are left out.

    They name the places of an output's last axis, and only where their number is its size.
    """
    stated = _by_key(model)
    remarks: list[str] = []
    for key, lists in _list_candidates(stated):
        if not lists:
            remarks.append(f"{key!r} of the metadata is left out: it is no list of names")
            continue
        fitting = [(ends, names) for names in lists if (ends := _find_outputs(model, len(names)))]
        if fitting:
            ends, names = fitting[0]
            cleaned = [printable(name, limit=_MAX_LABEL) for name in names]
            return {end.name: Labels(of="axis", names=cleaned) for end in ends}, remarks
        numbers = " or ".join(f"{len(names):,}" for names in lists)
        remarks.append(f"{key!r} is left out: no output has {numbers} places on its last axis")
    return None, remarks


def _list_candidates(stated: Mapping[str, str]) -> Iterable[tuple[str, list[list[str]]]]:
    """Yield each key that may have labels, with the lists that it may stand for."""
    for key in _NAMES:
        if stated.get(key, "").strip():
            names = parse_names(stated[key])
            yield key, [names] if names else []
    for key in _CHARACTERS:
        if stated.get(key, "").strip("\r\n"):
            yield key, _with_specials(stated[key])


def _find_outputs(model: GraphModel, count: int) -> list[End]:
    """Return the outputs whose last axis has a size.

    Of outputs with more axes than batch and class only a single one: boxes may have as many numbers
    as there are classes.
    """
    found = [end for end in model.graph.outputs if end.sizes and end.sizes[-1] == count]
    plain = [end for end in found if end.sizes is not None and len(end.sizes) <= 2]  # noqa: PLR2004  # batch, class
    return plain or (found if len(found) == 1 else [])


def parse_names(text: str) -> list[str] | None:
    """Return a list of names: of JSON, as Python writes a list or a dict, of lines, of commas.

    "{0: 'cat', 1: 'dog'}" is ["cat", "dog"]; None for a text that is no list.
    """
    if len(text) > _MAX_CONTENT:
        return None
    value = _parse_value(text)
    if isinstance(value, dict):
        value = _in_order(value)
    if isinstance(value, list | tuple) and all(isinstance(each, str) for each in value):
        return list(value) or None
    if value is not None or text.lstrip()[:1] in set("[{("):
        return None
    parts = text.splitlines() if "\n" in text.strip() else text.split(",")
    names = [part.strip() for part in parts]
    while names and not names[-1]:
        names.pop()
    return names if len(names) > 1 else None


def _parse_value(text: str) -> Any:
    """Return a value as JSON or Python writes it; None where the text is neither."""
    for parse in (json.loads, ast.literal_eval):
        try:
            return parse(text.strip())
        except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
            continue
    return None


def _in_order(names: Mapping[Any, Any]) -> list[Any] | None:
    """Return the names of a dict from 0 on; None where its keys are other numbers, or none."""
    by_number = {str(key): name for key, name in names.items()}
    numbers = [str(number) for number in range(len(by_number))]
    if set(numbers) != by_number.keys():
        return None
    return [by_number[number] for number in numbers]


def _with_specials(text: str) -> list[list[str]]:
    """Return the lists that a dictionary of characters may stand for.

    The axis of a text recognizer has a blank in front, which separates equal characters, and may
    have the space behind: rapidocr/ch_ppocr_rec/utils.py, `get_character`.
    """
    lines = text.removesuffix("\n").split("\n") if "\n" in text else list(text)
    characters = [line.removesuffix("\r") for line in lines]
    return [
        characters,
        [_BLANK, *characters],
        [_BLANK, *characters, _SPACE],
    ]


def find_contracts(
    model: GraphModel, *, channels_last: Collection[str] = ()
) -> dict[str, InputContract] | None:
    """Return what a file states of inputs, by name; None where it states nothing.

    Args:
        model: The file.
        channels_last: Inputs whose channels are put last in the graph.
    """
    contracts = _find_image(model, channels_last) | _find_sound(model)
    for end in model.graph.inputs:
        if end.dtype in _RANGES:
            evidence = f"it is {end.dtype} in the file"
            limits = state_fact("range", _RANGES[end.dtype], evidence)
            contracts[end.name] = merge_facts([contracts.get(end.name, InputContract()), limits])
    return contracts or None


def _find_image(model: GraphModel, channels_last: Collection[str]) -> dict[str, InputContract]:
    images = [end for end in model.graph.inputs if len(end.sizes or ()) == _NDIM_IMAGE]
    if len(images) != 1:
        return {}
    stated = _by_key(model)
    name, shape = images[0].name, _shape_of(images[0])
    if name in channels_last:
        shape = (shape[0], *shape[2:], shape[1])
    content = {**stated, "imgsz": _parse_value(stated.get("imgsz", ""))}
    found = describe_ultralytics(content, shape, where="the metadata of the file are")
    return {} if found is None else {name: found}


def _shape_of(end: End) -> tuple[int | None, ...]:
    return tuple(size if isinstance(size, int) else None for size in end.sizes or ())


def _find_sound(model: GraphModel) -> dict[str, InputContract]:
    """Return the rate of the samples of the only input that can be sound."""
    stated = _by_key(model)
    key = next((key for key in _RATES if stated.get(key, "").strip()), None)
    sounds = [end for end in model.graph.inputs if _may_be_sound(end)]
    if key is None or len(sounds) != 1:
        return {}
    rate = _parse_value(stated[key])
    if not isinstance(rate, int | float) or not 0 < rate <= _MAX_RATE or rate != int(rate):
        return {}
    evidence = f"{key} of the metadata of the file"
    return {sounds[0].name: state_fact("sample_rate", int(rate), evidence)}


def _may_be_sound(end: End) -> bool:
    """Return whether an input is rows of real numbers: [samples], [1, samples], [1, 1, samples]."""
    sizes, dtype = end.sizes or (), end.dtype or ""
    if not 1 <= len(sizes) <= _MAX_NDIM_SOUND or not dtype.startswith(("float", "bfloat")):
        return False
    *others, last = sizes
    is_long = not isinstance(last, int) or last >= _LEAST_SAMPLES
    return is_long and all(not isinstance(size, int) or size <= _MAX_ROWS for size in others)
