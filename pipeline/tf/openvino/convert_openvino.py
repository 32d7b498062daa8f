"""OpenVINO IR to graph model.

Its operations are written in operators of ONNX, and go the way of an ONNX file from there.
"""

from pathlib import Path

from pipeline.records.flags import ConversionFlags
from pipeline.records.source import Conversion
from pipeline.tf.onnx.convert_onnx import describe_ends, write_onnx
from pipeline.tf.onnx.fixed_inputs import fix_inputs
from pipeline.tf.onnx.onnx_graph import SIGNATURE_KEY
from pipeline.tf.openvino.openvino_metadata import (
    describe_aliases,
    find_contracts,
    find_labels,
    read_about,
)
from pipeline.tf.openvino.openvino_model import read_openvino
from pipeline.tf.openvino.states import State, describe_starts
from pipeline.tf.state_start import list_start


def convert_openvino(*, source: Path, folder: Path, flags: ConversionFlags) -> Conversion:
    """Convert an IR.

    Args:
        source: An .xml file; its .bin lies beside it.
        folder: Where to write model.json and shards.
        flags: skip_op_check, strip_debug_ops, control_flow_v2, experiments,
            weight_shard_size_bytes and fixed are read.

    Returns:
        Inputs and outputs with their tensors; repairs; what the file says of itself.

    Raises:
        FormatError: It is damaged; the message names the place.
        ConversionError: An operation has no equal in TensorFlow or TensorFlow.js.
        ManifestError: What the manifest fixes does not fit the file.
    """
    model = read_openvino(source)
    fixed = fix_inputs(model, flags.fixed)
    written = write_onnx(model, fixed, source=source, folder=folder, flags=flags)
    labels, remarks = find_labels(model)
    return Conversion(
        signature_key=SIGNATURE_KEY,
        signatures={SIGNATURE_KEY: describe_ends(model, fixed)},
        inputs=written.inputs,
        outputs=written.outputs,
        repairs=written.repairs,
        rounds_to=written.rounds_to,
        about=read_about(model),
        labels=labels,
        contracts=find_contracts(model, channels_last=fixed.orders),
        remarks=[*remarks, *describe_aliases(model), *describe_starts(model.states.values())]
        or None,
        state={state.name: _list_start(state) for state in model.states.values()} or None,
    )


def _list_start(state: State) -> list[float] | None:
    return None if state.start is None else list_start(state.name, state.start)
