"""Names of the inputs and outputs of a TensorFlow Lite file.

A signature definition has the names that the author chose. A file without one has the names of
its tensors, and the order of the file.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.errors import SignatureError
from pipeline.records.source import Scale, StatedSignature, StatedTensor
from pipeline.text.suggest import did_you_mean, find_similar
from pipeline.tf.tflite.call import end_dtype, is_held_as_integers
from pipeline.tf.tflite.tflite_model import SignatureDef, SubGraph, Tensor, TfliteModel
from pipeline.tf.tflite.variables import Variable, find_variables

DEFAULT_KEY = "serving_default"
UNNAMED_KEY = "main"
"""The key of the names of tensors, in a file without signatures."""


@dataclass(frozen=True, kw_only=True)
class Ends:
    """Inputs and outputs of a subgraph, by name, in the order of the file."""

    key: str
    subgraph: int
    inputs: Mapping[str, Tensor]
    outputs: Mapping[str, Tensor]
    variables: Mapping[str, Variable]

    @property
    def state(self) -> Mapping[str, Variable]:
        """Variables by the name of their input, which is that of their output."""
        return {
            f"{name}_state" if name in {**self.inputs, **self.outputs} else name: variable
            for name, variable in self.variables.items()
        }

    def all_inputs(self, graph: SubGraph) -> dict[str, Tensor]:
        """Return the inputs with those for variables behind them."""
        read = {name: graph.tensors[each.read] for name, each in self.state.items()}
        return {**self.inputs, **read}

    def all_outputs(self, graph: SubGraph) -> dict[str, Tensor]:
        """Return the outputs with those for variables behind them."""
        assigned = {name: graph.tensors[each.assigned] for name, each in self.state.items()}
        return {**self.outputs, **assigned}


def list_ends(model: TfliteModel) -> list[Ends]:
    """Return the ends of each signature; those of the first subgraph where there is none."""
    if not model.signatures:
        graph = model.subgraphs[0]
        return [
            Ends(
                key=UNNAMED_KEY,
                subgraph=0,
                inputs=_name(graph, graph.inputs, "input"),
                outputs=_name(graph, graph.outputs, "output"),
                variables=find_variables(model, 0),
            )
        ]
    return [_read(model, signature) for signature in model.signatures]


def choose_ends(model: TfliteModel, name: str | None) -> Ends:
    """Return the signature that is meant.

    Raises:
        SignatureError: It is not there, or there are several and none is asked for.
    """
    ends = {each.key: each for each in list_ends(model)}
    if name is not None:
        if name not in ends:
            meant = did_you_mean(find_similar(name, ends))
            raise SignatureError(
                f"signature_name: no signature {name!r}; it has {_quote(ends)}{meant}"
            )
        return ends[name]
    if len(ends) == 1:
        return next(iter(ends.values()))
    if DEFAULT_KEY in ends and all(_same(ends[DEFAULT_KEY], each) for each in ends.values()):
        return ends[DEFAULT_KEY]
    raise SignatureError(
        f"the file has several signatures: {_quote(ends)}",
        hint="choose one with `signature_name:`",
    )


def describe_ends(model: TfliteModel) -> dict[str, StatedSignature]:
    """Return all signatures as records have them."""
    described = {}
    for each in list_ends(model):
        graph = model.subgraphs[each.subgraph]
        described[each.key] = StatedSignature(
            inputs=_state(each.all_inputs(graph)), outputs=_state(each.all_outputs(graph))
        )
    return described


def find_steps(model: TfliteModel, ends: Ends) -> dict[str, float]:
    """Return the steps of quantized outputs: 1 for whole numbers, a scale for real values."""
    graph = model.subgraphs[ends.subgraph]
    made = {n: each for each in graph.operators for n in each.outputs}
    steps = {}
    for name, tensor in ends.outputs.items():
        if is_held_as_integers(tensor):
            steps[name] = 1.0
            continue
        maker = made.get(tensor.index)
        if maker is not None and maker.name == "DEQUANTIZE" and tensor.dtype == "float32":
            source = graph.tensors[maker.inputs[0]]
            if is_held_as_integers(source) and source.quantization is not None:
                steps[name] = float(source.quantization.scale)
    return steps


def find_scales(ends: Ends) -> dict[str, Scale]:
    """Return scale and zero point of the ends that are whole numbers, by name."""
    return {
        name: Scale(
            scale=float(tensor.quantization.scale), zero_point=tensor.quantization.zero_point
        )
        for name, tensor in (*ends.inputs.items(), *ends.outputs.items())
        if tensor.quantization is not None and is_held_as_integers(tensor)
    }


def _state(tensors: Mapping[str, Tensor]) -> dict[str, StatedTensor]:
    return {
        name: StatedTensor(
            tensor=tensor.name or None, dtype=end_dtype(tensor).name, shape=tensor.shape
        )
        for name, tensor in tensors.items()
    }


def _same(first: Ends, second: Ends) -> bool:
    return first.subgraph == second.subgraph


def _quote(keys: Mapping[str, Ends]) -> str:
    return ", ".join(f"'{key}'" for key in keys)


def _read(model: TfliteModel, signature: SignatureDef) -> Ends:
    graph = model.subgraphs[signature.subgraph]
    return Ends(
        key=signature.key,
        subgraph=signature.subgraph,
        inputs=_order(model, graph, signature.inputs, graph.inputs, signature.key),
        outputs=_order(model, graph, signature.outputs, graph.outputs, signature.key),
        variables=find_variables(model, signature.subgraph),
    )


def _order(
    model: TfliteModel,
    graph: SubGraph,
    names: Mapping[str, int],
    numbers: Sequence[int],
    key: str,
) -> dict[str, Tensor]:
    """Return named tensors in the order of the subgraph; two names may have one tensor."""
    stray = [name for name, number in names.items() if number not in numbers]
    missing = [number for number in numbers if number not in names.values()]
    if stray or missing:
        model.bytes.fail(
            f"signature {key!r}",
            f"its names ({', '.join(names)}) are not those of the ends of its subgraph",
        )
    places = {number: place for place, number in reversed(list(enumerate(numbers)))}
    ordered = sorted(names.items(), key=lambda item: places[item[1]])
    return {name: graph.tensors[number] for name, number in ordered}


def _name(graph: SubGraph, numbers: Sequence[int], side: str) -> dict[str, Tensor]:
    """Return tensors by their own names, each name once: "scores", "scores_1"."""
    named: dict[str, Tensor] = {}
    for place, number in enumerate(numbers):
        own = graph.tensors[number].name.removesuffix(":0") or f"{side}_{place}"
        name, again = own, 0
        while name in named:
            again += 1
            name = f"{own}_{again}"
        named[name] = graph.tensors[number]
    return named
