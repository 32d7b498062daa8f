"""Flags: the check that the flags of a model apply to its formats.

Each route in `pipeline.formats.table` has the flags that apply to it. A route that
tensorflowjs_converter has too takes the flags that the converter passes on
(`_dispatch_converter` in `tensorflowjs/converters/converter.py` 4.22.0). This module opens no file.
"""

from collections.abc import Iterable, Sequence

from pipeline.formats.format import OUTPUT_FORMATS
from pipeline.formats.table import INPUT_FORMATS, ROUTES
from pipeline.manifest.model import Defaults
from pipeline.text.suggest import join_words

FLAGS = frozenset[str]().union(*(route.flags for route in ROUTES.values()))
"""The flags that apply to some routes only."""

_LISTED_MAX = 4


def asked_flags(model: Defaults, inherited: frozenset[str]) -> frozenset[str]:
    """Return the flags that a model itself turns on or gives a value.

    Args:
        model: The model, with the fields of `defaults`.
        inherited: Its fields from `defaults`, which are ignored where they cannot apply.
    """
    stated = (model.model_fields_set - inherited) & FLAGS
    return frozenset(flag for flag in stated if getattr(model, flag))


def check_flags(asked: Iterable[str], *, input_format: str, output_format: str) -> list[str]:
    """Return a sentence for each field of a model that does not fit its formats.

    `["strip_debug_ops: does not apply to tfjs_graph_model"]`

    Args:
        asked: The flags that the model asks for.
        input_format: Format that the files of the source turned out to have.
        output_format: Format to publish.
    """
    misfits = find_misfits(asked, [(input_format, output_format)])
    return [f"{field}: {message}" for field, message in misfits]


def find_misfits(asked: Iterable[str], pairs: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the fields that fit none of a model's possible pairs, each with a sentence.

    `[("strip_debug_ops", "does not apply to tfjs_graph_model")]`

    Args:
        asked: The flags that the model asks for.
        pairs: Each input format that the model may have, with its output format.
    """
    possible = [pair for pair in pairs if pair in ROUTES]
    if not possible:
        return [("output_format", _no_pair(*pairs[0]))]
    applicable = frozenset[str]().union(*(ROUTES[pair].flags for pair in possible))
    return [(flag, _misfit(flag, possible)) for flag in sorted(set(asked) - applicable)]


def _no_pair(input_format: str, output_format: str) -> str:
    outputs = [output for output in OUTPUT_FORMATS if (input_format, output) in ROUTES]
    return f"{input_format} becomes {join_words(outputs, 'or')}, not {output_format}"


def _misfit(flag: str, pairs: Iterable[tuple[str, str]]) -> str:
    inputs, outputs = ({pair[side] for pair in pairs} for side in (0, 1))
    wanted = [pair for pair, route in ROUTES.items() if flag in route.flags]
    elsewhere = sorted({output for name, output in wanted if name in inputs} - outputs)
    if elsewhere:
        return (
            f"applies where the output_format is {join_words(elsewhere, 'or')}; "
            f"this model becomes {join_words(sorted(outputs), 'or')}"
        )
    given = join_words(sorted(inputs), "or")
    formats = [name for name in INPUT_FORMATS if any(name == pair[0] for pair in wanted)]
    if len(formats) > _LISTED_MAX:
        return f"does not apply to {given}"
    return f"applies to {join_words(formats, 'or')}; this model is {given}"
