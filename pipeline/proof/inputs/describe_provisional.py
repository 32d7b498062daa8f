"""Provisional verdicts: why a verdict on made-up inputs says little. It opens no file."""

from collections.abc import Mapping, Sequence

from pipeline.proof.inputs.made_inputs import list_unstated
from pipeline.records.contract import InputContract
from pipeline.records.signature import TensorSpec
from pipeline.text.suggest import list_first

_MOST = 4


def describe_provisional(
    specs: Sequence[TensorSpec], *, task: str | None, contracts: Mapping[str, InputContract]
) -> str | None:
    """Return a sentence such as "nobody states the range of images"; None if all is known.

    Args:
        specs: The inputs of the model.
        task: The task of the model, as in the manifest.
        contracts: What is known of each input, by name.
    """
    names = list_unstated(specs, task=task, contracts=contracts)
    return f"nobody states the range of {list_first(names, _MOST)}" if names else None
