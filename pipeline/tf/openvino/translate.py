"""The graph of an OpenVINO model, said in operators of ONNX.

Each operation becomes one operator or a few; the rules are in `pipeline.tf.openvino.operations`.
This module knows no TensorFlow.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import openvino

from pipeline.tf.onnx.onnx_graph import End, Graph, Node
from pipeline.tf.openvino.element_types import HALVES, computed_dtype, onnx_type, to_array
from pipeline.tf.openvino.layer import VERSION, Body, Layer, Nodes, Port, Sizes
from pipeline.tf.openvino.operations import find_rule
from pipeline.tf.openvino.states import State
from pipeline.tf.openvino.walk import BODIES, ENDS, body_of

_LAYOUTS = {"[N,C,H,W]": "nchw", "[N,H,W,C]": "nhwc"}
# Constants of as few numbers are known behind a conversion, too.
_MAX_KNOWN = 4096

# The type of what loops collect is not known before they run.
_OPEN = "dynamic"

_Key = tuple[str, int]


@dataclass(kw_only=True)
class Translator:
    """Writes the graphs of a model.

    Attributes:
        names: The names of values that are taken, in all graphs.
        states: The variables of the model.
    """

    names: set[str] = field(default_factory=set)
    states: Sequence[State] = ()

    def make_graph(
        self,
        model: openvino.Model,
        *,
        inputs: Sequence[str],
        outputs: Sequence[str] = (),
        outer: Mapping[int, Port] | None = None,
        dtypes: Mapping[int, str] | None = None,
    ) -> Graph:
        """Return a graph.

        Args:
            model: The model, or the body of an operation.
            inputs: The name of each of its inputs.
            outputs: The name of each of its outputs; none for names of its own.
            outer: The values around it that stand for inputs, by the number of the input.
            dtypes: The dtypes of inputs that state none, by their number.

        Raises:
            ConversionError: An operation has no equal.
        """
        made = Nodes(names=self.names)
        ports: dict[_Key, Port] = {}
        ends = []
        for number, node in enumerate(model.get_parameters()):
            port = (outer or {}).get(number) or _describe(node.output(0), inputs[number])
            if port.dtype == _OPEN and number in (dtypes or {}):
                port = replace(port, dtype=(dtypes or {})[number])
            ports[node.get_name(), 0] = port
            if number not in (outer or {}):
                ends.append(_make_input(node, port))
        states = self.states if outer is None else ()
        ends += self._enter_states(states, made, ports)
        for node in model.get_ordered_ops():
            if node.get_type_name() not in ENDS:
                self._write(node, made, ports)
        results = [self._read(node.input_value(0), made, ports) for node in model.get_results()]
        taken = [
            self._name_output(port, outputs[number] if outputs else "", made)
            for number, port in enumerate(results)
        ]
        taken += self._leave_states(states, made, ports)
        return Graph(
            name=model.get_friendly_name(),
            inputs=tuple(ends),
            outputs=tuple(taken),
            nodes=tuple(made.nodes),
            constants=made.constants,
            dtypes=made.dtypes,
            sizes=made.sizes | {end.name: end.sizes for end in ends if end.sizes is not None},
        )

    def make_outline(
        self, model: openvino.Model, *, inputs: Sequence[str], outputs: Sequence[str]
    ) -> Graph:
        """Return a graph of ends alone; arguments as `make_graph` has them."""
        given = [
            _make_input(node, _describe(node.output(0), name))
            for node, name in zip(model.get_parameters(), inputs, strict=True)
        ]
        results = zip(model.get_results(), outputs, strict=True)
        made = (_describe(node.input_value(0), name) for node, name in results)
        return Graph(
            name=model.get_friendly_name(),
            inputs=tuple(given),
            outputs=tuple(End(name=p.name, dtype=p.dtype, sizes=p.sizes) for p in made),
            nodes=(),
            constants={},
        )

    def _name_output(self, port: Port, name: str, made: Nodes) -> End:
        """Return an output of a graph under its own name."""
        if name and name != port.name:
            made.nodes.append(
                Node(
                    op="Identity", domain="", version=VERSION, name=name, number=len(made.nodes),
                    inputs=(port.name,), outputs=(name,), attributes={}, written=f"output {name!r}",
                )
            )  # fmt: skip
            made.dtypes[name] = port.dtype
        return End(name=name or port.name, dtype=port.dtype, sizes=port.sizes)

    def _enter_states(
        self, states: Sequence[State], made: Nodes, ports: dict[_Key, Port]
    ) -> list[End]:
        """Return the inputs for variables; those that nothing assigns are constants."""
        ends = []
        for state in states:
            kind = state.element_type.get_type_name()
            dtype, sizes = computed_dtype(kind) or kind, read_sizes(state.shape)
            array = None
            if not state.is_assigned:
                zeros = np.zeros(tuple(state.shape.to_shape()), np.dtype(dtype))
                array = zeros if state.start is None else np.asarray(state.start, dtype)
                made.constants[state.name] = array
            else:
                ends.append(End(name=state.name, dtype=dtype, sizes=sizes))
            port = Port(name=state.name, dtype=dtype, sizes=sizes, array=array)
            ports |= {(name, 0): port for name in state.reads}
        return ends

    def _leave_states(
        self, states: Sequence[State], made: Nodes, ports: dict[_Key, Port]
    ) -> list[End]:
        """Return the outputs for variables, whose names are those of their inputs.

        They are written last, all at once: what is assigned to one may be another's old value.
        """
        changing = [state for state in states if state.is_assigned]
        values = [self._read(state.assigned, made, ports) for state in changing]
        aside = [
            self._name_output(port, made.new_name(f"{state.name}/next"), made)
            for port, state in zip(values, changing, strict=True)
        ]
        return [
            self._name_output(replace(port, name=end.name), state.name, made)
            for port, end, state in zip(values, aside, changing, strict=True)
        ]

    def _read(self, source: Any, made: Nodes, ports: dict[_Key, Port]) -> Port:
        """Return the value that an input reads; a constant is written when it is first read."""
        node = source.get_node()
        key = (node.get_name(), source.get_index())
        if key not in ports:
            array = to_array(node)
            name = made.new_name(node.get_friendly_name())
            made.constants[name] = array
            dtype = _describe(source, name).dtype
            if array.dtype.name in HALVES:
                name, array = _widen(name, made), array.astype(dtype)
            ports[key] = Port(name=name, dtype=dtype, sizes=array.shape, array=array)
        return ports[key]

    def _write(self, node: Any, made: Nodes, ports: dict[_Key, Port]) -> None:
        """Write an operation, and note the names of its outputs."""
        op, opset = node.get_type_name(), node.get_type_info().version_id
        given = [self._read(each.get_source_output(), made, ports) for each in node.inputs()]
        outputs = [_describe(each, "") for each in node.outputs()]
        layer = Layer(
            op=op,
            opset=opset,
            name=node.get_friendly_name(),
            attributes=node.get_attributes(),
            inputs=given,
            outputs=outputs,
            bodies=[self._read_body(node, n, given) for n in range(BODIES.get(op, 0))],
            made=made,
            is_read=[bool(each.get_target_inputs()) for each in node.outputs()],
        )
        rule = find_rule(op, opset)
        if isinstance(rule, str):
            raise layer.refuse(rule)
        found = rule(layer)
        names = list(found) if isinstance(found, list | tuple) else [found]
        for number, (name, port) in enumerate(zip(names, outputs, strict=False)):
            dtype = made.dtypes.get(name, given[0].dtype) if port.dtype == _OPEN else port.dtype
            array = _known(layer, name)
            ports[node.get_name(), number] = Port(
                name=name, dtype=dtype, sizes=port.sizes, array=array
            )
            if name not in made.constants:
                made.dtypes[name] = dtype
                if port.sizes is not None:
                    made.sizes[name] = port.sizes

    def _read_body(self, node: Any, number: int, given: Sequence[Port]) -> Body:
        """Return a graph inside of an operation."""
        model = body_of(node, number)
        is_branch = node.get_type_name() == "If"
        arguments = (number,) if is_branch else ()
        fed = [_as_mapping(each) for each in node.get_input_descriptions(*arguments)]
        # A branch, and a loop's invariant inputs, read the values around the operation.
        outer = {
            each["body_parameter_index"]: given[each["input_index"]]
            for each in fed
            if each["kind"] == "InvariantInputDescription"
        }
        dtypes = {each["body_parameter_index"]: given[each["input_index"]].dtype for each in fed}
        names = [self._new_name(each.get_friendly_name()) for each in model.get_parameters()]
        return Body(
            graph=self.make_graph(model, inputs=names, outer=outer, dtypes=dtypes),
            names=names,
            given=fed,
            taken=[_as_mapping(each) for each in node.get_output_descriptions(*arguments)],
            places=_find_places(node),
        )

    def _new_name(self, wanted: str) -> str:
        return Nodes(names=self.names).new_name(wanted)


def _make_input(node: Any, port: Port) -> End:
    layout = _LAYOUTS.get(str(node.get_layout()))
    return End(name=port.name, dtype=port.dtype, sizes=port.sizes, layout=layout)


def _widen(name: str, made: Nodes) -> str:
    """Write a constant of float16 as float32; return the name of its value."""
    wide = made.new_name(f"{name}/wide")
    made.dtypes[wide] = "float32"
    made.nodes.append(
        Node(
            op="Cast", domain="", version=VERSION, name=name, number=len(made.nodes),
            inputs=(name,), outputs=(wide,), attributes={"to": onnx_type("float32")},
            written=f'Constant "{name}"',
        )
    )  # fmt: skip
    return wide


def _find_places(node: Any) -> tuple[int, int]:
    """Return which input of a loop's body is the number of the turn, and which output goes on."""
    if node.get_type_name() != "Loop":
        return -1, -1
    number, goes_on = node.get_special_body_ports()
    return int(number), int(goes_on)


def _known(layer: Layer, name: str) -> Any:
    """Return the array that an output is, where it is a constant."""
    if name in layer.made.constants:
        return layer.made.constants[name]
    if layer.op == "Convert" and layer.inputs[0].array is not None:
        array = layer.inputs[0].array
        target = computed_dtype(layer.attribute("destination_type"))
        if array.size <= _MAX_KNOWN and target and target != "str":
            return array.astype(target)
    return None


def _as_mapping(description: Any) -> Mapping[str, Any]:
    """Return the fields of a description of an end, and its kind."""
    fields = {
        name: getattr(description, name) for name in dir(description) if not name.startswith("_")
    }
    return {"kind": type(description).__name__, **fields}


def _describe(output: Any, name: str) -> Port:
    element_type = output.get_element_type().get_type_name()
    return Port(
        name=name,
        dtype=computed_dtype(element_type) or element_type,
        sizes=read_sizes(output.get_partial_shape()),
    )


def read_sizes(shape: Any) -> Sizes | None:
    """Return the size of each axis, None for an open one; None where their number is open."""
    if shape.rank.is_dynamic:
        return None
    return tuple(None if size.is_dynamic else int(size.get_length()) for size in shape)
