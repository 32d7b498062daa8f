"""The options of tensorflowjs_converter, and the fields of the manifest for them.

The options are those of `get_arg_parser` in `tensorflowjs/converters/converter.py` 4.22.0, and
those of older releases. It opens no file.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal["text", "list", "number", "switch", "boolean", "weights", "none"]


@dataclass(frozen=True, kw_only=True)
class Option:
    """An option of the converter.

    Attributes:
        name: Its name without the dashes.
        kind: The kind of its value. A "switch" takes none; a "boolean" is read with Python's
            bool(), so every text but the empty text is true; "weights" is a pattern, or all
            weights without a value; a "none" is not imported.
        here: The field of a model for it, or its replacement, as Markdown.
        note: The difference to the converter, as Markdown.
    """

    name: str
    kind: Kind
    here: str
    note: str


_OPTIONS = (
    Option(
        name="input_format",
        kind="text",
        here="`input_format`",
        note="Told from the files where it is left out; the converter takes `tf_saved_model`. "
        "`tfjs_graph_model` is an input here too: to publish it proved, named and quantized.",
    ),
    Option(
        name="output_format",
        kind="text",
        here="`output_format`",
        note="`tfjs_graph_model` or `tfjs_layers_model`; Keras formats cannot be published. Left "
        "out, `keras`, `keras_saved_model` and `tfjs_layers_model` become layers models, as for "
        "the converter, all others graph models; `keras_keras` too, where it has no default.",
    ),
    Option(
        name="signature_name",
        kind="text",
        here="`signature_name`",
        note="Left out, the only signature is taken; where there are several that differ, the "
        "message lists them.",
    ),
    Option(
        name="saved_model_tags",
        kind="list",
        here="`saved_model_tags`",
        note="Left out, `serve`, or the only graph. An empty text is the graph without tags.",
    ),
    Option(
        name="quantize_float16",
        kind="weights",
        here="`quantize_float16`, or `variants: [float16]`",
        note="A variant beside the base. `true` is every weight; the converter takes `True` for "
        "a weight's name, matches none and exits with 0.",
    ),
    Option(
        name="quantize_uint8",
        kind="weights",
        here="`quantize_uint8`, or `variants: [uint8]`",
        note="As `quantize_float16`. Weights that uint8 would ruin stay as they are, and are "
        "listed; a pattern that matches no weight is an error.",
    ),
    Option(
        name="quantize_uint16",
        kind="weights",
        here="`quantize_uint16`, or `variants: [uint16]`",
        note="As `quantize_uint8`.",
    ),
    Option(
        name="quantization_bytes",
        kind="number",
        here="`quantization_bytes`",
        note="The converter's older form: 1 is `quantize_uint8: true`, 2 `quantize_uint16: true`.",
    ),
    Option(
        name="split_weights_by_layer",
        kind="switch",
        here="`split_weights_by_layer`",
        note="Layers models only, as for the converter.",
    ),
    Option(
        name="skip_op_check",
        kind="switch",
        here="`skip_op_check`",
        note="Converts all the same, and the proof in TensorFlow.js decides what is published.",
    ),
    Option(
        name="strip_debug_ops",
        kind="boolean",
        here="`strip_debug_ops`",
        note="`false` is false; for the converter `--strip_debug_ops=False` is true.",
    ),
    Option(
        name="use_structured_outputs_names",
        kind="boolean",
        here="`use_structured_outputs_names`",
        note="Each name stands on its own tensor; the converter pairs them in the order of a hash "
        "table. Left out, `predict()` returns names where the source has two or more.",
    ),
    Option(
        name="weight_shard_size_bytes",
        kind="number",
        here="`weight_shard_size_bytes`",
        note="The same: 4 MiB where it is left out.",
    ),
    Option(
        name="output_node_names",
        kind="list",
        here="`output_node_names`",
        note="May be left out where the graph leaves no doubt; the converter demands it.",
    ),
    Option(
        name="control_flow_v2",
        kind="boolean",
        here="`control_flow_v2`",
        note="`false` is false, as above.",
    ),
    Option(name="experiments", kind="boolean", here="`experiments`", note="The same."),
    Option(
        name="metadata",
        kind="text",
        here="`metadata`",
        note="A mapping of keys to paths, so paths may hold `:` and `,`; or values as they stand.",
    ),
    Option(
        name="version",
        kind="none",
        here="`toolchain` in models.json",
        note="Every receipt and the catalog name the versions that made them.",
    ),
    Option(
        name="output_json",
        kind="none",
        here="nothing",
        note="Of releases before 1.0: model.json is always JSON.",
    ),
)
OPTIONS: Mapping[str, Option] = {option.name: option for option in _OPTIONS}
"""By name, in the converter's order."""

OLD_OPTIONS = frozenset({"output_json"})
"""Options that the present release does not have."""


def format_options() -> str:
    """Return a table of the options and our fields as Markdown: "| `--metadata` | …"."""
    rows = [f"| `--{option.name}` | {option.here} | {option.note} |" for option in OPTIONS.values()]
    positional = [
        "| `input_path` | `source` | A path relative to models.yaml, or any other source. |",
        "| `output_path` | `name` | Everything of a model lies in `dist/models/NAME/`. |",
    ]
    head = ["| `tensorflowjs_converter` | here | what is different |", "|---|---|---|"]
    return "\n".join([*head, *positional, *rows]) + "\n"
