"""The graph of an ONNX file, built operator by operator.

What depends on constants alone is computed at once, by the same rules: they run outside of the
graph then.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import tensorflow as tf

from pipeline.errors import ConversionError, FormatError, PipelineError
from pipeline.tf.layout.value import Category, Value, constant, natural
from pipeline.tf.onnx.call import Call, State
from pipeline.tf.onnx.fold_norms import fold_norms
from pipeline.tf.onnx.functions import expand
from pipeline.tf.onnx.listed import Listed
from pipeline.tf.onnx.onnx_graph import Graph, GraphModel, Node
from pipeline.tf.onnx.operators import NEVER_FOLDED, TAKES_CATEGORIES, find_rule
from pipeline.tf.onnx.sizes_of_shapes import SIZE_RULES
from pipeline.tf.reasons import format_reason

_NOTHING = constant(np.zeros(0, np.float32))
_TOO_SMALL = {"int2", "uint2"}


@dataclass(kw_only=True)
class GraphBuilder:
    """Builds the graph of a file.

    Attributes:
        model: The file.
        state: What the operators share.
    """

    model: GraphModel
    state: State = field(init=False)
    _constants: dict[int, Value] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.state = State(build=self.build)

    def build(self, graph: Graph, scope: Mapping[str, Value]) -> list[Value]:
        """Build a graph.

        Args:
            graph: The graph.
            scope: Its inputs by name, and the values around it that it may read.

        Returns:
            The value of each of its outputs.

        Raises:
            FormatError: The file is damaged.
            ConversionError: An operator has no equal in TensorFlow.
        """
        graph = fold_norms(graph)
        values = dict(scope)
        values |= {name: constant(array) for name, array in graph.constants.items()}
        for node in graph.nodes:
            made = self._run(node, graph, values)
            values |= {name: value for name, value in zip(node.outputs, made, strict=False) if name}
        return [self._find(end.name, values, "the graph's output") for end in graph.outputs]

    def _find(self, name: str, values: Mapping[str, Value], reader: str) -> Value:
        if name not in values:
            raise FormatError(f"{self.model.name}: {reader} reads {name!r}, which nothing makes")
        return values[name]

    def _run(self, node: Node, graph: Graph, values: Mapping[str, Value]) -> list[Value]:
        call = Call(
            node=node,
            inputs=[self._find(n, values, node.label) if n else None for n in node.inputs],
            dtypes=[graph.dtypes.get(name) for name in node.outputs],
            scope=values,
            state=self.state,
        )
        try:
            return self._compute(call)
        except ConversionError as error:
            if node.label in str(error):
                raise
            raise ConversionError(f"{node.label}: {error}", hint=error.hint) from error
        except PipelineError:
            raise
        except Exception as error:
            raise ConversionError(
                f"{node.label}: TensorFlow cannot build it: {format_reason(error)}",
                hint="the file may be damaged: ONNX Runtime checks shapes when it runs it",
            ) from error

    def _compute(self, call: Call) -> list[Value]:
        _check_dtypes(call)
        rule = find_rule(call.node)
        if rule is None:
            return self._expand(call)
        known = _compute_sizes(call)
        if known is not None:
            return known
        if not _is_foldable(call):
            return call.finish(rule(call))
        with tf.init_scope():
            return [_to_constant(value) for value in call.finish(rule(call))]

    def _expand(self, call: Call) -> list[Value]:
        """Build the function that the standard defines an operator by."""
        body = expand(call)
        given = {
            end.name: value
            for end, value in zip(body.inputs, call.inputs, strict=False)
            if value is not None
        }
        wanted = tuple(
            end for end, name in zip(body.outputs, call.node.outputs, strict=False) if name
        )
        made = iter(self.build(replace(body, outputs=wanted), given))
        return [next(made) if name else _NOTHING for name in call.node.outputs]


def _check_dtypes(call: Call) -> None:
    """Raise for numbers of so few bits that TensorFlow.js cannot even stand in for them."""
    dtypes = [*call.dtypes, *(value.dtype for value in call.inputs if value is not None)]
    for dtype in dtypes:
        if dtype and (dtype.startswith(("float8_", "float4_", "float6_")) or dtype in _TOO_SMALL):
            raise call.refuse(f"TensorFlow.js has no numbers of dtype {dtype}")
    categories = any(
        isinstance(value.dtype, Category) for value in call.inputs if value is not None
    )
    if categories and (call.node.domain, call.node.op) not in TAKES_CATEGORIES:
        raise call.refuse("it computes with texts that the model chooses")


def _compute_sizes(call: Call) -> list[Value] | None:
    """Return the outputs of an operator on whole numbers some of which are sizes; else None."""
    rule = None if call.node.domain else SIZE_RULES.get(call.node.op)
    if rule is None:
        return None
    made = rule(call)
    return None if made is None else call.finish(made)


def _is_foldable(call: Call) -> bool:
    node = call.node
    if (node.domain, node.op) in NEVER_FOLDED or any(node.graphs):
        return False
    given = [value for value in call.inputs if value is not None]
    return all(value.is_known for value in given)


def _to_constant(value: Value) -> Value:
    """Return a value that was computed outside of the graph as a constant."""
    if isinstance(value, Listed):
        return Listed(items=tuple(map(_to_constant, value.items)), is_absent=value.is_absent)  # type: ignore[return-value]  # as a value
    if value.is_array:
        return value
    array = np.asarray(value.held.numpy())
    if value.dtype == "str":
        decoded = [each.decode() if isinstance(each, bytes) else each for each in array.flat]
        array = np.array(decoded, object).reshape(array.shape)
    else:
        array = array.astype(value.dtype)
    sizes = tuple(array.shape[value.order.index(axis)] for axis in natural(value.rank))
    return Value(held=array, dtype=value.dtype, order=value.order, sizes=sizes)
