"""Messages for the errors that pydantic finds, in our words. It opens no file."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.manifest.fault import closest, format_value, shorten_value
from pipeline.manifest.fields import PATTERN_WORDS
from pipeline.text.suggest import did_you_mean, join_words

_EXPECTED = {
    "bool_type": "true or false",
    "dict_type": "a mapping",
    "float_type": "a number",
    "int_from_float": "a whole number",
    "int_type": "a whole number",
    "list_type": "a list",
    "model_type": "a mapping",
    "string_type": "text",
    "tuple_type": "a list",
}
_KINDS = {
    "input_format": "input format",
    "output_format": "output format",
    "backends": "backend",
    "expect": "expected result",
    "color": "order of colours",
    "layout": "layout",
    "resize": "way to resize",
}
# Names of fields on the command line and in other manifests, with our names for them.
_ELSEWHERE = {
    "input_path": "'source' says where a model is",
    "output_path": "'zoo: {output: …}' says where the zoo is published",
    "file": "'source' says where a model is",
    "path": "'source' says where a model is",
    "uri": "'source' says where a model is",
    "url": "'source' says where a model is",
    "block_size": "did you mean 'block'?",
    "granularity": "expected per_channel or block",
    "per_axis": "did you mean 'per_channel'?",
    "group_size": "did you mean 'block'?",
    "signature_def": "did you mean 'signature_name'?",
    "quantize": "expected quantize_float16, quantize_uint8 or quantize_uint16",
}
_CHOICE = re.compile(r"'([^']*)'|(\d+)")
_LISTED_MAX = 10


def describe_unknown(field: str, known: Sequence[str]) -> str:
    """Return the message for an unknown field: "unknown field; did you mean 'source'?"."""
    if meant := closest_field(field, known):
        return f"unknown field{did_you_mean([meant])}"
    if field in _ELSEWHERE:
        return f"unknown field; {_ELSEWHERE[field]}"
    if len(known) <= _LISTED_MAX:
        return f"unknown field; expected {join_words(known, 'or')}"
    return "unknown field; values of your own go below 'extra'"


def closest_field(field: str, known: Sequence[str]) -> str | None:
    """Return the field that an unknown one was likely meant to be, or None."""
    return None if field in _ELSEWHERE else closest(field, known)


def describe_error(error: Mapping[str, Any]) -> str:
    """Return the message for an error of pydantic: "found the number 3; expected text".

    Missing and extra fields have messages of their own.
    """
    kind, value, context = error["type"], error["input"], error.get("ctx", {})
    if kind == "fault":
        return str(context["message"])
    if kind == "literal_error":
        return _describe_choice(error["loc"], value, context["expected"])
    if kind in _EXPECTED:
        return _describe_type(value, kind)
    return _describe_limit(kind, value, context)


def _describe_limit(kind: str, value: Any, limits: Mapping[str, Any]) -> str:
    found = f"found {format_value(value)}"
    match kind:
        case "string_pattern_mismatch":
            text = f"found {shorten_value(value)!r}; expected {PATTERN_WORDS[limits['pattern']]}"
        case "string_too_short":
            text = "found an empty text; expected at least a character"
        case "string_too_long":
            text = f"{shorten_value(value)!r} is longer than {limits['max_length']} characters"
        case "greater_than":
            text = f"{found}; expected more than {limits['gt']:g}"
        case "less_than_equal":
            text = f"{found}; expected {limits['le']:g} at most"
        case "too_short":
            text = f"{found}; expected {limits['min_length']} or more in it"
        case "too_long":
            text = f"found {limits['actual_length']} in the list; expected {limits['max_length']}"
        case _:
            text = f"{found}, which is not valid here ({kind})"
    return text


def _describe_type(value: Any, kind: str) -> str:
    sentence = f"found {format_value(value)}; expected {_EXPECTED[kind]}"
    if kind == "string_type" and isinstance(value, bool | int | float):
        return f"{sentence}; put it in quotes"
    if kind == "bool_type" and str(value).lower() in {"true", "false"}:
        return f"{sentence} without quotes"
    if kind == "tuple_type" and isinstance(value, str) and value.isidentifier():
        return f"{sentence}, such as [{value}]"
    return sentence


def _describe_choice(location: Sequence[str | int], value: Any, expected: str) -> str:
    choices = [text or number for text, number in _CHOICE.findall(expected)]
    field = next((str(step) for step in reversed(location) if step in _KINDS), "")
    return describe_choice(value, choices, _KINDS.get(field))


def describe_choice(value: Any, choices: Sequence[str], kind: str | None) -> str:
    """Return the message for a value that is none of a few: "'rbg' is no layout; expected nhwc …".

    Args:
        value: The value.
        choices: The values that are expected; the one that was likely meant stands alone.
        kind: What they are: "layout"; None if they have no name.
    """
    found = repr(shorten_value(value)) if isinstance(value, str) else format_value(value)
    sentence = f"{found} is no {kind}" if kind else f"found {found}"
    meant = closest(value, choices) if isinstance(value, str) else None
    if meant:
        return sentence + did_you_mean([meant])
    return f"{sentence}; expected {join_words(choices, 'or')}"
