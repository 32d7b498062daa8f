"""TensorFlow Lite, ONNX and OpenVINO files: their description, from the summary of a child process.

It has TensorFlow, reads the file, and returns plain values.
"""

import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.formats.data_files import find_data_files
from pipeline.formats.table import find_format
from pipeline.inspection.description import (
    DescribedSignature,
    Description,
    DtypeSum,
    MultiplyAdds,
    ShapeCount,
    Tensor,
    Weight,
    Weights,
)
from pipeline.inspection.inspect_contracts import list_ranges_unstated
from pipeline.records.contract import InputContract
from pipeline.records.shape import parse_sizes
from pipeline.tfjs.model.dtypes import js_dtype
from pipeline.workers.pool import TensorFlowPool

_NUM_LARGEST = 10
_JS_BYTES = 4


_MODULES = {
    "tflite": ("pipeline.tf.tflite.summary", "summarize_tflite"),
    "onnx": ("pipeline.tf.onnx.summary", "summarize_onnx"),
    "openvino": ("pipeline.tf.openvino.openvino_summary", "summarize_openvino"),
}
"""The module and the function that summarize a file, by format."""


def inspect_summary(
    path: Path, model_format: str, *, announce: Callable[[str], None]
) -> Description:
    """Describe a file.

    Args:
        path: The file.
        model_format: Its format: "tflite", "onnx" or "openvino".
        announce: Called with a sentence before TensorFlow starts, which takes seconds.

    Raises:
        FormatError: It is damaged.
        SetupError: The package that reads it is not installed.
        WorkerError: TensorFlow cannot be started here.
    """
    find_format(model_format).require_reader()
    summary = _summarize(path, model_format, announce)
    signatures = {
        key: _describe_signature(signature) for key, signature in summary["signatures"].items()
    }
    chosen = next(iter(signatures)) if len(signatures) == 1 else None
    default = signatures[chosen] if chosen else None
    stated = summary["signatures"][chosen]["contracts"] if chosen else {}
    contracts = {name: InputContract.model_validate(one) for name, one in stated.items()}
    return Description(
        format=model_format,
        producer={"generatedBy": summary["producer"] or None, "convertedBy": None},
        signature_key=chosen,
        signatures=signatures,
        inputs=default.inputs if default else None,
        outputs=default.outputs if default else None,
        multiply_adds=default.multiply_adds if default else None,
        shapes=default.shapes if default else None,
        functions=summary["subgraphs"],
        parameters=summary["parameters"],
        weights=_count_weights(summary["constants"]),
        ops=dict(sorted(summary["operators"].items())),
        faults=tuple(summary["remarks"]),
        contracts=contracts,
        unstated=list_ranges_unstated(default.inputs, contracts) if default else [],
        **{key: summary[key] for key in ("opsets", "metadata") if key in summary},
    )


def _summarize(path: Path, model_format: str, announce: Callable[[str], None]) -> dict[str, Any]:
    announce(f"TensorFlow is starting, to read {path.name}")
    module, function = _MODULES[model_format]
    with (
        tempfile.TemporaryDirectory(prefix="tfjs-zoo-") as logs,
        TensorFlowPool(max_workers=1, preload=module) as pool,
    ):
        done = pool.submit(
            f"{module}:{function}",
            {"source": path.absolute()},
            log=Path(logs) / "log.txt",
            name=f"reading {path.name}",
            reads=[each.absolute() for each in find_data_files(path)],
        ).result()
    summary: dict[str, Any] = done.value
    return summary


def _describe_signature(signature: Mapping[str, Any]) -> DescribedSignature:
    inputs, outputs = (_list_tensors(signature[side]) for side in ("inputs", "outputs"))
    by_op = signature["multiply_adds"]
    return DescribedSignature(
        tags=[],
        inputs=inputs,
        outputs=outputs,
        multiply_adds=MultiplyAdds(
            total=sum(by_op.values()),
            exact=not signature["unknown"],
            by_op=by_op,
            counted=signature["counted"],
            unknown=tuple(signature["unknown"]),
            repeated=(),
            assumed_shapes={
                each.name: tuple(size or 1 for size in each.shape)
                for each in inputs
                if each.shape is not None and None in each.shape
            },
        ),
        shapes=ShapeCount(known=signature["operators"], unknown=0),
    )


def _list_tensors(entries: Iterable[Mapping[str, Any]]) -> list[Tensor]:
    return [
        Tensor(
            id=i,
            name=entry["name"],
            tensor=entry["tensor"],
            dtype=entry["dtype"],
            js_dtype=js_dtype(entry["dtype"]) if entry["dtype"] else None,
            shape=parse_sizes(entry["shape"]),
            **({"size_names": entry["size_names"]} if any(entry.get("size_names") or ()) else {}),
        )
        for i, entry in enumerate(entries)
    ]


def _count_weights(constants: Sequence[Mapping[str, Any]]) -> Weights:
    weights = [
        Weight(
            name=entry["name"],
            shape=tuple(entry["shape"]),
            dtype="float32" if entry["quantized"] else entry["dtype"],
            stored_dtype=entry["dtype"],
            quantized=entry["quantized"],
            bytes=entry["bytes"],
        )
        for entry in constants
    ]
    values = {id(weight): _count_values(weight) for weight in weights}
    by_dtype = {
        dtype: DtypeSum(
            count=sum(weight.stored_dtype == dtype for weight in weights),
            values=sum(values[id(weight)] for weight in weights if weight.stored_dtype == dtype),
            bytes=sum(weight.bytes for weight in weights if weight.stored_dtype == dtype),
        )
        for dtype in sorted({weight.stored_dtype for weight in weights})
    }
    return Weights(
        count=len(weights),
        bytes=sum(weight.bytes for weight in weights),
        tfjs_bytes=sum(_JS_BYTES * number for number in values.values()),
        by_dtype=by_dtype,
        quantized=dict(Counter(weight.stored_dtype for weight in weights if weight.quantized)),
        largest=sorted(weights, key=lambda weight: -weight.bytes)[:_NUM_LARGEST],
        non_finite=[],
    )


def _count_values(weight: Weight) -> int:
    number = 1
    for size in weight.shape:
        number *= size
    return number
