"""Flags: which of the converter's flags apply to which formats.

After the dispatch of `tensorflowjs/converters/converter.py` 4.22.0, with the pairs that it
lacks and we convert. `weight_shard_size_bytes`, `metadata` and the quantization apply to all
pairs. It opens no file.
"""

from collections.abc import Iterable, Sequence
from typing import get_args

from pipeline.manifest.fields import InputFormat, OutputFormat
from pipeline.manifest.model import Defaults
from pipeline.text.suggest import join_words

GRAPH, LAYERS = "tfjs_graph_model", "tfjs_layers_model"

_GRAPH_FLAGS = {"skip_op_check", "strip_debug_ops", "experiments"}
_FUNCTION_FLAGS = {*_GRAPH_FLAGS, "control_flow_v2"}
_NAMED_FLAGS = {*_FUNCTION_FLAGS, "use_structured_outputs_names"}
_SIGNATURE_FLAGS = {*_NAMED_FLAGS, "signature_name", "saved_model_tags"}

APPLICABLE: dict[tuple[str, str], frozenset[str]] = {
    ("tf_saved_model", GRAPH): frozenset(_SIGNATURE_FLAGS),
    ("tf_hub", GRAPH): frozenset(_SIGNATURE_FLAGS),
    ("keras_saved_model", GRAPH): frozenset(_SIGNATURE_FLAGS),
    ("tf_frozen_model", GRAPH): frozenset({*_GRAPH_FLAGS, "output_node_names"}),
    ("keras", GRAPH): frozenset(_NAMED_FLAGS),
    ("keras_keras", GRAPH): frozenset(_NAMED_FLAGS),
    ("tfjs_layers_model", GRAPH): frozenset(_FUNCTION_FLAGS),
    ("tfjs_graph_model", GRAPH): frozenset(),
    ("keras", LAYERS): frozenset({"split_weights_by_layer"}),
    ("keras_keras", LAYERS): frozenset({"split_weights_by_layer"}),
    ("keras_saved_model", LAYERS): frozenset({"split_weights_by_layer"}),
    ("tfjs_layers_model", LAYERS): frozenset(),
}
"""Flags by input and output format, less those that apply to every pair; a pair that is not
here cannot be converted."""

FLAGS = frozenset().union(*APPLICABLE.values())
"""Flags that apply to some pairs only."""

_LISTED_MAX = 4
_LAYERS_BY_DEFAULT = {"keras", "keras_saved_model", "tfjs_layers_model"}
_INPUT_FORMATS: tuple[str, ...] = get_args(InputFormat)
_OUTPUT_FORMATS: tuple[str, ...] = get_args(OutputFormat)

# What the end of a file's name tells, the longest end first.
_FORMATS_BY_SUFFIX: dict[str, tuple[str, ...]] = {
    "saved_model.pb": ("tf_saved_model", "keras_saved_model", "tf_hub"),
    "saved_model.pbtxt": ("tf_saved_model", "keras_saved_model", "tf_hub"),
    "tfhub_module.pb": ("tf_hub",),
    ".pb": ("tf_frozen_model",),
    ".pbtxt": ("tf_frozen_model",),
    ".h5": ("keras",),
    ".hdf5": ("keras",),
    ".keras": ("keras_keras", "keras"),
    ".json": ("tfjs_graph_model", "tfjs_layers_model"),
}


def choose_output_format(asked: str | None, input_format: str) -> str:
    """Return what is published of a source of a format, as asked or as the converter decides."""
    if asked is not None:
        return asked
    return LAYERS if input_format in _LAYERS_BY_DEFAULT else GRAPH


def formats_of_file(name: str) -> tuple[str, ...]:
    """Return the input formats that a file or folder of this name can have."""
    for suffix, formats in _FORMATS_BY_SUFFIX.items():
        if name.lower().endswith(suffix):
            return formats
    return _INPUT_FORMATS


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
    possible = [pair for pair in pairs if pair in APPLICABLE]
    if not possible:
        return [("output_format", _no_pair(*pairs[0]))]
    applicable = frozenset[str]().union(*(APPLICABLE[pair] for pair in possible))
    return [(flag, _misfit(flag, possible)) for flag in sorted(set(asked) - applicable)]


def _no_pair(input_format: str, output_format: str) -> str:
    outputs = [output for output in _OUTPUT_FORMATS if (input_format, output) in APPLICABLE]
    return f"{input_format} becomes {join_words(outputs, 'or')}, not {output_format}"


def _misfit(flag: str, pairs: Iterable[tuple[str, str]]) -> str:
    inputs, outputs = ({pair[side] for pair in pairs} for side in (0, 1))
    wanted = [pair for pair in APPLICABLE if flag in APPLICABLE[pair]]
    elsewhere = sorted({output for name, output in wanted if name in inputs} - outputs)
    if elsewhere:
        return (
            f"applies where the output_format is {join_words(elsewhere, 'or')}; "
            f"this model becomes {join_words(sorted(outputs), 'or')}"
        )
    given = join_words(sorted(inputs), "or")
    formats = [name for name in _INPUT_FORMATS if any(name == pair[0] for pair in wanted)]
    if len(formats) > _LISTED_MAX:
        return f"does not apply to {given}"
    return f"applies to {join_words(formats, 'or')}; this model is {given}"
