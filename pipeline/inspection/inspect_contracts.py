"""Contracts of the inputs of a model of TensorFlow.js, as its files show them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import FormatError
from pipeline.inspection.description import Tensor
from pipeline.proof.inputs.contract_facts import derive_range
from pipeline.proof.inputs.find_contracts import find_contracts
from pipeline.proof.inputs.made_inputs import list_unstated
from pipeline.records.contract import InputContract
from pipeline.records.signature import SignatureTensor, TensorSpec
from pipeline.records.source import Conversion
from pipeline.tfjs.model.model_json import ModelJson


@dataclass(frozen=True, kw_only=True)
class FoundContracts:
    """What a model's files say of its inputs, and the inputs whose range they do not say."""

    contracts: dict[str, InputContract]
    unstated: list[str]


def inspect_contracts(
    model_json: ModelJson, path: Path, inputs: Sequence[Tensor]
) -> FoundContracts:
    """Return what a model's files say of its inputs; nothing of files that are incomplete.

    Args:
        model_json: Its model.json, in the form of a base.
        path: Where it is.
        inputs: Its inputs.
    """
    specs = [
        SignatureTensor(
            id=tensor.id,
            name=tensor.name,
            tensor=tensor.tensor or tensor.name,
            dtype=tensor.dtype,
            js_dtype=tensor.js_dtype,
            shape=tensor.shape,
        )
        for tensor in inputs
        if tensor.dtype is not None and tensor.js_dtype is not None
    ]
    try:
        found = find_contracts(model_json, path.parent, specs, Conversion(), source=path)
    except (FormatError, OSError):
        return FoundContracts(contracts={}, unstated=[])
    contracts = {name: derive_range(one) for name, one in found.items() if one.evidence}
    return FoundContracts(contracts=contracts, unstated=list_ranges_unstated(inputs, contracts))


def list_ranges_unstated(
    inputs: Sequence[Tensor], contracts: Mapping[str, InputContract]
) -> list[str]:
    """Return the inputs for which values would be made up in a range that nobody states.

    Args:
        inputs: Inputs of a model.
        contracts: What is known of them, by name.
    """
    specs = [
        TensorSpec(name=tensor.name, dtype=tensor.dtype, shape=tensor.shape)
        for tensor in inputs
        if tensor.dtype is not None
    ]
    return list_unstated(specs, task=None, contracts=contracts)
