"""An OpenVINO model, read by OpenVINO, as a graph of ONNX's operators.

The format: https://docs.openvino.ai/2025/documentation/openvino-ir-format.html
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import openvino

from pipeline.errors import ConversionError, FormatError, PipelineError
from pipeline.formats.openvino_xml import read_version
from pipeline.tf.onnx.onnx_graph import Graph, GraphModel
from pipeline.tf.openvino.states import State, find_states
from pipeline.tf.openvino.translate import Translator
from pipeline.tf.openvino.walk import check_operations, walk
from pipeline.tf.reasons import format_reason

_VERSIONS = (10, 11)


@dataclass(frozen=True, kw_only=True)
class OpenvinoModel(GraphModel):
    """An OpenVINO model; in the keys of its metadata, keys of keys are joined by dots.

    Attributes:
        model: The model as OpenVINO has it.
        aliases: Other names of inputs and outputs, by the name that the graph has.
        states: Its variables that change from run to run, by the name that it has for them.
    """

    model: Any = field(repr=False)
    aliases: Mapping[str, tuple[str, ...]]
    states: Mapping[str, State] = field(default_factory=dict)


def open_model(path: Path) -> openvino.Model:
    """Return the model in a file, as OpenVINO reads it.

    Raises:
        FormatError: It is no OpenVINO model, is damaged, or its .bin is not there.
        ConversionError: It is of another version of the format.
    """
    _check_version(path)
    try:
        path.read_text(encoding="utf-8")
        model = openvino.Core().read_model(path)
        for node in walk(model):
            node.get_friendly_name()
    except UnicodeDecodeError as error:
        raise FormatError(f"{path.name} is damaged: it is no text in UTF-8 ({error})") from None
    except Exception as error:
        weights = path.with_suffix(".bin")
        missing = "" if weights.exists() else f"; {weights.name} is not beside it"
        raise FormatError(
            f"OpenVINO cannot read {path.name}{missing}: {format_reason(error, path)}",
            hint=f"put {weights.name} beside {path.name}" if missing else None,
        ) from error
    return model


def _check_version(path: Path) -> None:
    version = read_version(path)
    if version is None:
        raise FormatError(f"{path.name} is no OpenVINO model: it begins with no <net version=…>")
    if version not in _VERSIONS:
        known = " and ".join(map(str, _VERSIONS))
        raise ConversionError(
            f"{path.name} is of version {version} of the format; {known} are converted",
            hint="write it anew with ovc, from the model that it was made of",
        )


def read_openvino(path: Path) -> OpenvinoModel:
    """Read an IR, and write its graph in operators of ONNX.

    Raises:
        FormatError: It is damaged, or its .bin is not there.
        ConversionError: An operation has no equal.
    """
    model = open_model(path)
    return make_model(model, path.name)


def make_model(model: openvino.Model, name: str) -> OpenvinoModel:
    """Return the graph of a model that is read.

    Args:
        model: The model.
        name: What messages call it.

    Raises:
        ConversionError: An operation has no equal.
    """
    inputs, outputs = name_ends(model)
    try:
        check_operations(model)
        states = find_states(model, {*inputs, *outputs})
        names = {*inputs, *outputs, *(state.name for state in states.values())}
        graph = Translator(names=names, states=list(states.values())).make_graph(
            model, inputs=inputs, outputs=outputs
        )
    except PipelineError as error:
        raise type(error)(f"{name}: {error.message}", hint=error.hint) from error
    kept = {name: state for name, state in states.items() if state.is_assigned}
    return _make_model(model, name, graph, kept)


def make_outline(model: openvino.Model, name: str) -> OpenvinoModel:
    """Return a model with its inputs and outputs alone; arguments as `make_model` has them."""
    inputs, outputs = name_ends(model)
    graph = Translator().make_outline(model, inputs=inputs, outputs=outputs)
    return _make_model(model, name, graph, {})


def _make_model(
    model: openvino.Model, name: str, graph: Graph, states: Mapping[str, State]
) -> OpenvinoModel:
    return OpenvinoModel(
        name=name,
        graph=graph,
        model=model,
        aliases=_find_aliases(model, [each for names in name_ends(model) for each in names]),
        metadata=dict(_flatten(model.get_rt_info())),
        states=states,
    )


def name_ends(model: openvino.Model) -> tuple[list[str], list[str]]:
    """Return the names of a model's inputs and outputs, in its order.

    An input or output has a set of names without an order. The name is that of its operation if
    it is among them, else the shortest; where it has none, that of its operation.
    """
    taken: set[str] = set()
    inputs = [_name(end, end.get_node().get_friendly_name(), taken) for end in model.inputs]
    # An output that is an input keeps its name for both.
    taken -= set(inputs)
    outputs = []
    for end in model.outputs:
        source = end.get_node().input_value(0)
        maker = source.get_node().get_friendly_name()
        own = maker if len(source.get_node().outputs()) == 1 else f"{maker}:{source.get_index()}"
        outputs.append(_name(end, own, taken))
    return inputs, outputs


def _name(end: Any, own: str, taken: set[str]) -> str:
    names = sorted(end.get_names(), key=lambda name: (len(name), name))
    wanted = own if own in names or not names else names[0]
    name, number = wanted, 1
    while name in taken:
        name, number = f"{wanted}_{number}", number + 1
    taken.add(name)
    return name


def _find_aliases(model: openvino.Model, names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    found = {}
    for end, name in zip([*model.inputs, *model.outputs], names, strict=True):
        others = tuple(sorted(set(end.get_names()) - {name}))
        if others:
            found[name] = others
    return found


def _flatten(info: Any, before: str = "") -> Any:
    """Yield the texts of metadata by their keys."""
    for key in info:
        value = info[key]
        value = value.value if hasattr(value, "value") else value
        if hasattr(value, "items") or type(value).__name__ == "RTMap":
            yield from _flatten(value, f"{before}{key}.")
        else:
            yield f"{before}{key}", str(value)
