"""Flags: which of the manifest's flags apply to which formats.

The formats themselves say which; those of tensorflowjs_converter take the flags that its
dispatch passes on (`tensorflowjs/converters/converter.py` 4.22.0). It opens no file.
"""

from collections.abc import Iterable, Sequence

from pipeline.formats.format import OUTPUT_FORMATS
from pipeline.formats.table import INPUT_FORMATS, ROUTES
from pipeline.manifest.model import Defaults
from pipeline.text.suggest import join_words

FLAGS = frozenset[str]().union(*(route.flags for route in ROUTES.values()))
"""Flags that apply to some pairs of formats only."""

_LISTED_MAX = 4


def asked_flags(model: Defaults, inherited: frozenset[str]) -> frozenset[str]:
    """Return the flags that a model itself asks for; one that is off asks for nothing."""
    stated = (model.model_fields_set - inherited) & FLAGS
    return frozenset(flag for flag in stated if getattr(model, flag))


def check_flags(asked: Iterable[str], *, input_format: str, output_format: str) -> list[str]:
    """Say which fields of a model do not fit the format that its source turned out to have.

    Args:
        asked: The flags that it asks for; what it inherits is left out where it cannot apply.
        input_format: One of the input formats.
        output_format: What is to be published.

    Returns:
        A sentence per fault, each beginning with the name of the field.
    """
    misfits = find_misfits(asked, [(input_format, output_format)])
    return [f"{field}: {message}" for field, message in misfits]


def find_misfits(asked: Iterable[str], pairs: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return fields, with a sentence each, that fit none of the pairs that are possible.

    Args:
        asked: The flags that a model asks for.
        pairs: Input and output formats that it can have.
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
