"""Writer: writes the models and layers of a Keras config in the form that TensorFlow.js reads.

It collects all faults, so that one error can name them, and the weights of each layer. It opens no
file and imports no Keras.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipeline.tfjs.layers.calls import Call, UnsupportedCall, layer_tensors, parse_calls
from pipeline.tfjs.layers.config_values import Json, plain_config, plain_dtype
from pipeline.tfjs.layers.layer_rules import layer_parts
from pipeline.tfjs.layers.layer_weights import LayerWeights, safe_name, weights_of
from pipeline.tfjs.layers.masks import implied_masks
from pipeline.tfjs.layers.operations import is_operation, operation_parts, operation_tensors
from pipeline.tfjs.layers.parts import KerasLayer, Part, UnsupportedLayer
from pipeline.tfjs.layers.wiring import (
    Made,
    Tensors,
    connect,
    find_shifts,
    is_chain,
    move,
    parse_ends,
)
from pipeline.tfjs.model.layers_topology import KNOWN_LAYERS, MODEL_KINDS, Tensor

Path = tuple[str, ...]
Shape = tuple[int | None, ...] | None
_INPUT = "InputLayer"
_FUNCTIONAL = "Functional"
_OWN = "own"
_BACKWARD = "backward_layer"


@dataclass
class Writer:
    """The state of a conversion: names, weights and faults so far.

    Attributes:
        keras_3: Whether Keras 3 wrote the config.
        shape_of: Returns the shape of a layer's result, by the path to it; None if unknown.
        faults: A sentence for each layer without an equal in TensorFlow.js.
        weights: The weights of the layers.
        replaced: How many layers of each class were replaced by others.
    """

    keras_3: bool
    shape_of: Callable[[Path], Shape]
    faults: list[str] = field(default_factory=list)
    weights: list[LayerWeights] = field(default_factory=list)
    replaced: Counter[str] = field(default_factory=Counter)
    _names: set[str] = field(default_factory=set)

    def write_model(self, wire: Mapping[str, Any], *, path: Path = ()) -> Json:
        """Return a model; `path` leads to it through the models around it."""
        kind, config = str(wire.get("class_name")), wire.get("config")
        if kind == "Sequential" and isinstance(config, list):
            config = {"name": "sequential", "layers": config}
        if not isinstance(config, Mapping) or not config.get("layers"):
            self.faults.append(f"the model is of the class {kind}, whose config lists no layers")
            return {"class_name": kind, "config": {}}
        if kind == "Sequential":
            return self._write_sequential(config, path)
        return self._write_functional(config, path)

    def unique(self, name: str) -> str:
        """Reserve and return a name that no other layer of the whole model has: "add_1"."""
        wanted = safe_name(name)
        candidate, number = wanted, 0
        while candidate in self._names:
            number += 1
            candidate = f"{wanted}_{number}"
        self._names.add(candidate)
        return candidate

    def take(self, name: str) -> bool:
        """Reserve a name for a layer without weights.

        Returns:
            False if another layer has it, or TensorFlow.js does not accept it.
        """
        free = name not in self._names and safe_name(name) == name
        self._names.add(name)
        return free

    def _write_sequential(self, config: Mapping[str, Any], path: Path) -> Json:
        name = str(config.get("name", "sequential"))
        wires = list(config["layers"])
        first, shape = wires[0], config.get("build_input_shape")
        stated = first.get("config") or {}
        if first["class_name"] != _INPUT and not _is_model(first):
            shape = stated.get("batch_input_shape") or stated.get("batch_shape") or shape
        if shape and first["class_name"] != _INPUT and not _is_model(first):
            dtype = plain_dtype(stated.get("dtype"))
            given = {"name": f"{_name(first)}_input", "batch_input_shape": shape, "dtype": dtype}
            wires.insert(0, {"class_name": _INPUT, "config": given})
        names = [self.unique(_name(wire)) for wire in wires]
        parts = [
            self._write_layer(wire, unique, path) for wire, unique in zip(wires, names, strict=True)
        ]
        if all(is_chain(made) for made in parts):
            layers = [part.to_json() for made in parts for part in made]
            return {"class_name": "Sequential", "config": {"name": name, "layers": layers}}
        return self._write_forked(name, wires, parts)

    def _write_forked(
        self, name: str, wires: Sequence[Mapping[str, Any]], parts: Sequence[Sequence[Made]]
    ) -> Json:
        """Return a sequential model as a functional model, because layers in it fork."""
        if parts[0][0].kind != _INPUT:
            self.faults.append(f"{name} (Sequential) does not say the shape of its input")
            return {"class_name": "Sequential", "config": {"name": name}}
        layers: list[Json] = []
        tensor: Tensor = (parts[0][0].name, 0, 0)
        for wire, made in zip(wires, parts, strict=True):
            layers += connect(made, [] if made[0].kind == _INPUT else [(tensor,)])
            tensor = (made[-1].name, int(_is_model(wire)), 0)
        return _functional(name, layers, [(parts[0][0].name, 0, 0)], [tensor])

    def _write_functional(self, config: Mapping[str, Any], path: Path) -> Json:
        by_name = {_name(wire): wire for wire in config["layers"]}
        raw = {name: self._read_calls(wire) for name, wire in by_name.items()}
        masks = implied_masks(by_name, raw)
        wires = [wire for name, wire in by_name.items() if name not in masks]
        models = {_name(wire): str(wire["class_name"]) for wire in wires if _is_model(wire)}
        # Before the names of nested models: an output has the name of a layer of the outer model.
        names = {_name(wire): self.unique(_name(wire)) for wire in wires}
        calls = {_name(wire): self._find_tensors(wire, raw[_name(wire)], masks) for wire in wires}
        inputs, outputs = (parse_ends(config.get(f"{side}_layers")) for side in ("input", "output"))
        everywhere = [call for listed in calls.values() for call in listed]
        shift, of_outputs = find_shifts(models, everywhere, outputs, keras_3=self.keras_3)
        layers = [
            layer
            for wire in wires
            for layer in connect(
                self._write_layer(wire, names[_name(wire)], path, raw[_name(wire)]),
                [move(call, names, shift) for call in calls[_name(wire)]],
            )
        ]
        return _functional(
            str(config.get("name", "model")),
            layers,
            move(inputs, names, {}),
            move(outputs, names, of_outputs),
        )

    def _read_calls(self, wire: Mapping[str, Any]) -> list[Call]:
        try:
            return parse_calls(wire.get("inbound_nodes") or ())
        except UnsupportedCall as reason:
            self._fault(wire, str(reason))
            return []

    def _find_tensors(
        self, wire: Mapping[str, Any], calls: Sequence[Call], masks: Collection[str]
    ) -> list[Tensors]:
        if is_operation(wire):
            return [operation_tensors(call) for call in calls]
        try:
            return [layer_tensors(call, masks=masks, keras_3=self.keras_3) for call in calls]
        except UnsupportedCall as reason:
            if wire["class_name"] in KNOWN_LAYERS:  # the fault of an unknown layer says more
                self._fault(wire, str(reason))
            return []

    def _write_layer(
        self, wire: Mapping[str, Any], unique: str, path: Path, calls: Sequence[Call] = ()
    ) -> list[Made]:
        """Return the layers that replace a layer of Keras."""
        owner = (*path, _name(wire))
        if _is_model(wire):
            model = self.write_model(wire, path=owner)
            return [Made(kind=model["class_name"], name=unique, config=model["config"])]
        try:
            parts = self._find_parts(wire, self.shape_of(owner), calls)
        except UnsupportedLayer as reason:
            self._fault(wire, str(reason))
            return [Made(kind=str(wire["class_name"]), name=unique, config={})]
        if [part.kind for part in parts] != [wire["class_name"]]:
            self.replaced[str(wire["class_name"])] += 1
        made = []
        for part in parts:
            name = self.unique(unique + part.suffix) if part.suffix else unique
            if part.weights:
                self.weights += weights_of(part.weights, name, owner=owner, wire=wire)
            made.append(
                Made(
                    kind=part.kind,
                    name=name,
                    config=part.config,
                    takes=part.inputs,
                    suffix=part.suffix,
                )
            )
        return made

    def _find_parts(
        self, wire: Mapping[str, Any], shape: Shape = None, calls: Sequence[Call] = ()
    ) -> list[Part]:
        if is_operation(wire):
            made = [operation_parts(wire, call, keras_3=self.keras_3) for call in calls]
            if not made or any(other != made[0] for other in made):
                raise UnsupportedLayer("is an operation with other constants at each call")
            return made[0]
        kind, config = str(wire["class_name"]), plain_config(wire.get("config") or {})
        if kind == _INPUT:
            return [Part(kind=kind, config=_input_config(config), inputs=())]
        if kind in _HOLDING:
            held = self._find_inner(kind, wire.get("config") or {})
            kept = {key: value for key, value in config.items() if key != _BACKWARD}
            return [Part(kind=kind, config={**kept, **held}, weights=_OWN)]
        parts = layer_parts(KerasLayer(kind=kind, config=config, keras_3=self.keras_3, shape=shape))
        if any(part.kind not in KNOWN_LAYERS for part in parts):
            raise UnsupportedLayer
        return parts

    def _find_inner(self, kind: str, config: Mapping[str, Any]) -> Json:
        """Return the part of a wrapper's config that holds its layers."""
        other = config.get(_BACKWARD)
        if isinstance(other, Mapping) and not _mirrors(config["layer"], other):
            raise UnsupportedLayer("has a backward layer of its own kind")
        key = _HOLDING[kind]
        held = config[key]
        made = [self._find_held(one) for one in (held if isinstance(held, list) else [held])]
        return {key: made if isinstance(held, list) else made[0]}

    def _find_held(self, wire: Mapping[str, Any]) -> Json:
        if _is_model(wire):
            raise UnsupportedLayer(f"holds a model ({_name(wire)})")
        try:
            parts = self._find_parts(wire)
        except UnsupportedLayer as error:
            raise UnsupportedLayer(str(error) or f"holds a {wire['class_name']}") from None
        if len(parts) != 1 or parts[0].weights not in (None, _OWN):
            raise UnsupportedLayer(f"holds a {wire['class_name']} that takes several layers")
        return {
            "class_name": parts[0].kind,
            "config": {**parts[0].config, "name": safe_name(_name(wire))},
        }

    def _fault(self, wire: Mapping[str, Any], reason: str) -> None:
        """Note why a layer cannot be written, once for each layer."""
        layer = f"{_name(wire)} ({wire.get('class_name')})"
        if not any(fault.startswith(layer) for fault in self.faults):
            self.faults.append(f"{layer} {reason}".rstrip())


_HOLDING = {
    "Bidirectional": "layer",
    "RNN": "cell",
    "StackedRNNCells": "cells",
    "TimeDistributed": "layer",
}
"""Wrappers, and the keys of their inner layers in the config."""


def _functional(
    name: str, layers: list[Json], inputs: Sequence[Tensor], outputs: Sequence[Tensor]
) -> Json:
    ends = {
        "input_layers": [list(tensor) for tensor in inputs],
        "output_layers": [list(tensor) for tensor in outputs],
    }
    return {"class_name": _FUNCTIONAL, "config": {"name": name, "layers": layers, **ends}}


def _input_config(config: Mapping[str, Any]) -> Json:
    if config.get("sparse") or config.get("ragged"):
        raise UnsupportedLayer("takes a sparse or ragged tensor")
    shape = config.get("batch_input_shape") or config.get("batch_shape")
    if shape is None:
        raise UnsupportedLayer("does not say its shape")
    dtype = plain_dtype(config.get("dtype"))
    return {"batch_input_shape": shape, "dtype": dtype, "sparse": False}


def _mirrors(layer: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Return whether a backward layer is the forward layer reversed, as TensorFlow.js makes it."""
    own, its = (
        {k: v for k, v in plain_config(each.get("config") or {}).items() if k not in _TURNED}
        for each in (layer, other)
    )
    return layer.get("class_name") == other.get("class_name") and own == its


_TURNED = ("name", "go_backwards")


def _is_model(wire: Mapping[str, Any]) -> bool:
    return wire.get("class_name") in MODEL_KINDS


def _name(wire: Mapping[str, Any]) -> str:
    """Return the name of a layer, from the layer or, in early files, from its config: "conv"."""
    config = wire.get("config")
    own = config.get("name") if isinstance(config, Mapping) else None
    return str(wire.get("name") or own or wire.get("class_name"))
