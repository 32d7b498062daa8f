"""Facts of contracts: how facts from several places become one contract. It opens no file."""

from collections.abc import Iterable
from typing import Any

from pipeline.records.contract import InputContract

FACTS = tuple(name for name in InputContract.model_fields if name != "evidence")
"""Names of the facts of a contract."""

BYTE = 255.0
_DERIVED = "follows from mean and std"


def state_fact(name: str, value: Any, evidence: str) -> InputContract:
    """Return a contract with one fact."""
    return InputContract(**{name: value}, evidence={json_name(name): evidence})


def json_name(name: str) -> str:
    """Return the name of a fact in JSON: "sampleRate" of `sample_rate`."""
    return InputContract.model_fields[name].alias or name


def merge_facts(contracts: Iterable[InputContract]) -> InputContract:
    """Return all facts of some contracts; of a fact that several state, the first.

    Range and mean with std are one fact: who states either replaces both.
    """
    merged = InputContract()
    for contract in contracts:
        scale = ("range", "mean", "std")
        is_scaled = any(getattr(merged, name) is not None for name in scale)
        names = [
            name
            for name in FACTS
            if getattr(contract, name) is not None
            and not (is_scaled if name in scale else getattr(merged, name) is not None)
        ]
        known = {json_name(name) for name in names}
        evidence = {key: why for key, why in contract.evidence.items() if key in known}
        merged = merged.model_copy(
            update={
                **{name: getattr(contract, name) for name in names},
                "evidence": merged.evidence | evidence,
            }
        )
    return merged


def derive_range(contract: InputContract) -> InputContract:
    """Return a contract with the range that its mean and std make; they are 0 and 1 if unstated."""
    if contract.mean is None and contract.std is None:
        return contract
    count = max(len(contract.mean or ()), len(contract.std or ()))
    mean, std = _spread(contract.mean or [0.0], count), _spread(contract.std or [1.0], count)
    edges = [(e - m) / s for m, s in zip(mean, std, strict=True) for e in (0.0, BYTE)]
    stated = next(why for key, why in contract.evidence.items() if key in ("mean", "std"))
    return contract.model_copy(
        update={
            "mean": mean,
            "std": std,
            "range": (min(edges), max(edges)),
            "evidence": {"mean": stated, "std": stated, **contract.evidence, "range": _DERIVED},
        }
    )


def _spread(numbers: list[float], count: int) -> list[float]:
    return numbers * count if len(numbers) == 1 else numbers
