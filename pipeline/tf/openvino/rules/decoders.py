"""Operations that decode sequences, fill lists and invert matrices."""

from pipeline.tf.openvino.layer import Layer, Table
from pipeline.tf.openvino.rules.detections import emit_beyond
from pipeline.tf.openvino.rules.elementwise import BEYOND
from pipeline.tf.openvino.rules.parts import whole


def _decode_masked(layer: Layer) -> str:
    """CTCGreedyDecoder: (steps, batch, classes) and a mask, to floats (batch, steps, 1, 1)."""
    data = layer.transpose(layer.names[0], [1, 0, 2])
    there = layer.transpose(layer.cast(layer.names[1], "float32"), [1, 0])
    decoded, _ = _emit(layer, [data, there], is_masked=1)
    return layer.unsqueeze(layer.cast(decoded, layer.outputs[0].dtype), [2, 3])


def _decode(layer: Layer) -> list[str]:
    """CTCGreedyDecoderSeqLen: (batch, steps, classes) and lengths, to classes and lengths."""
    given = [layer.names[0], whole(layer, 1)]
    if layer.has(2):
        given.append(whole(layer, 2))
    made = _emit(layer, given, is_masked=0)
    return [layer.cast(name, port.dtype) for name, port in zip(made, layer.outputs, strict=True)]


def _emit(layer: Layer, given: list[str], *, is_masked: int) -> list[str]:
    default = layer.attribute("ctc_merge_repeated", True)
    merges = int(bool(layer.attribute("merge_repeated", default)))
    return layer.emit_many(
        "DecodeSequences", given, 2, domain=BEYOND, dtypes=["int64", "int64"],
        is_masked=is_masked, merges=merges,
    )  # fmt: skip


def _gather_tree(layer: Layer) -> str:
    return emit_beyond(layer)[0]


def _invert(layer: Layer) -> str:
    sizes = layer.sizes()
    if sizes[-1] is None:
        raise layer.refuse("its matrix has open sizes")
    return emit_beyond(layer, adjoint=int(bool(layer.attribute("adjoint", False))))[0]


def _fill_rows(layer: Layer) -> list[str]:
    """SparseFillEmptyRows: indices, elements, and which rows were empty."""
    given = [layer.names[0], whole(layer, 1), whole(layer, 2), layer.names[3]]
    return layer.emit_many(
        layer.op, given, 3, domain=BEYOND, dtypes=[port.dtype for port in layer.outputs]
    )


RULES: Table = {
    "CTCGreedyDecoder": _decode_masked,
    "CTCGreedyDecoderSeqLen": _decode,
    "GatherTree": _gather_tree,
    "Inverse": _invert,
    "SparseFillEmptyRows": _fill_rows,
}
