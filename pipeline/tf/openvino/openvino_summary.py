"""Summary of an OpenVINO model, for its inspection: plain values.

Its graph is built as a conversion does, so that the summary says what stands in the way.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openvino

from pipeline.errors import ConversionError
from pipeline.tf.onnx.build_graph import GraphBuilder
from pipeline.tf.onnx.onnx_graph import SIGNATURE_KEY
from pipeline.tf.onnx.summary import (
    describe_constants,
    describe_signature,
    find_graph_remarks,
    list_labels,
    shorten_texts,
)
from pipeline.tf.openvino.element_types import to_array
from pipeline.tf.openvino.openvino_metadata import describe_aliases, find_contracts, find_labels
from pipeline.tf.openvino.openvino_model import (
    OpenvinoModel,
    make_model,
    make_outline,
    open_model,
)
from pipeline.tf.openvino.walk import bodies_of, walk

_CONSTANT, _RESULT = "Constant", "Result"
_PARAMETER = "Parameter"
_RUNTIMES = ("Runtime_version", "OpenVINO Runtime", "MO_version")


def summarize_openvino(*, source: Path) -> dict[str, Any]:
    """Return what a file holds: inputs and outputs, operations, constants, remarks.

    Raises:
        FormatError: It is damaged; the message names the place.
    """
    opened = open_model(source)
    faults = []
    try:
        model = make_model(opened, source.name)
    except ConversionError as error:
        faults.append(f"it cannot be converted as it stands: {error.message}")
        model = make_outline(opened, source.name)
    operations = list(walk(opened))
    made_by = next((model.metadata[key] for key in _RUNTIMES if key in model.metadata), "")
    return {
        "producer": f"OpenVINO {made_by.partition('-')[0]}".strip(),
        "metadata": shorten_texts(model.metadata),
        "signatures": {SIGNATURE_KEY: describe_signature(model, find_contracts(model))},
        "operators": dict(Counter(node.get_type_name() for node in operations if _computes(node))),
        "subgraphs": 1 + sum(map(_count_bodies, operations)),
        **describe_constants(_list_constants(operations)),
        "remarks": [*faults, *_find_remarks(model, is_whole=not faults)],
    }


def _computes(node: Any) -> bool:
    return node.get_type_name() not in {_CONSTANT, _PARAMETER, _RESULT}


def _count_bodies(node: Any) -> int:
    return len(list(bodies_of(node)))


def _list_constants(operations: list[openvino.Node]) -> Iterator[tuple[str, Any]]:
    """Yield name and value of each constant, in the dtype of the file."""
    for node in operations:
        if node.get_type_name() == _CONSTANT:
            yield node.get_friendly_name(), to_array(node)


def _find_remarks(model: OpenvinoModel, *, is_whole: bool) -> Iterator[str]:
    """Yield sentences on the file, and on what a conversion would make of it."""
    if is_whole:
        yield from find_graph_remarks(GraphBuilder(model=model))
    yield from describe_aliases(model)
    labels, remarks = find_labels(model)
    yield from remarks
    yield from list_labels(labels or {})
