"""Freezes the function that an importer has traced, and names its ends."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflowjs.converters import tf_saved_model_conversion_v2 as converter

from pipeline.errors import ConversionError, PipelineError
from pipeline.records.flags import ConversionFlags
from pipeline.records.source import Conversion, Tie
from pipeline.tf.reasons import format_reason
from pipeline.tf.saved_model.freeze import Frozen
from pipeline.tf.write_graph_model import write_graph_model
from pipeline.tfjs.model.object_members import OBJECT_MEMBERS

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_.]+")


def node_name(name: str, number: int) -> str:
    """Return a name that the node of an input may have: "input_a_b" for "input a/b".

    Args:
        name: The source's name.
        number: The number of the input, for a name that begins with no letter, or that
            TensorFlow.js finds in every object.
    """
    cleaned = _NOT_IN_NAMES.sub("_", name).strip("_.")
    usable = cleaned[:1].isalpha() and cleaned not in OBJECT_MEMBERS
    return cleaned if usable else f"{cleaned or 'input'}_{number}"


def write_function(  # noqa: PLR0913  # a function, names of its ends, and how to write it
    function: Any,
    *,
    inputs: Iterable[str],
    outputs: Iterable[str],
    source: Path,
    folder: Path,
    flags: ConversionFlags,
) -> Conversion:
    """Freeze a function, optimize its graph and write it as model.json and shards.

    Args:
        function: A concrete function that takes and returns tensors by position.
        inputs: The source's name of each input.
        outputs: The source's name of each output.
        source: The source's own path, which messages must not show.
        folder: The folder to write to.
        flags: control_flow_v2, and those that `write_graph_model` reads.

    Returns:
        Inputs and outputs with their tensors, and repairs.

    Raises:
        ConversionError: TensorFlow cannot freeze the graph; else as `write_graph_model`.
    """
    frozen = _freeze(function, source, control_flow_v2=flags.control_flow_v2)
    return write_graph_model(
        frozen,
        inputs=_tie(inputs, frozen.inputs),
        outputs=_tie(outputs, frozen.outputs),
        signature=converter._build_signature_def(frozen.graph, frozen.inputs, frozen.outputs),  # noqa: SLF001  # the pinned converter has no other way
        source=source,
        folder=folder,
        flags=flags,
    )


def _freeze(function: Any, source: Path, *, control_flow_v2: bool) -> Frozen:
    try:
        graph = converter._freeze_saved_model_v2(function, control_flow_v2)  # noqa: SLF001  # the pinned converter has no other way
    except PipelineError:
        raise
    except Exception as error:
        raise ConversionError(
            f"TensorFlow cannot freeze the graph: {format_reason(error, source)}"
        ) from error
    return Frozen(
        graph=graph,
        inputs=function.inputs,
        outputs=function.outputs,
        tensorflow_version=tf.version.VERSION,
        initializer_graph=None,
        resource_ids=None,
    )


def _tie(names: Iterable[str], tensors: Any) -> list[Tie]:
    return [Tie(name=name, tensor=tensor.name) for name, tensor in zip(names, tensors, strict=True)]
