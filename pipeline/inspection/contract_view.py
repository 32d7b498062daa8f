"""Contracts of inputs in words: what was found, and what the manifest has to state. Pure."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence

from pipeline.proof.inputs.contract_facts import FACTS, json_name
from pipeline.records.contract import InputContract

_UNSTATED = "nobody states the range of {name}; verdicts are provisional until models.yaml does"
_ENTRY = "inputs: {{{name}: {{range: [0, 1]}}}}"
_CHOICE = "with the range that its authors feed, such as [-1, 1] or [0, 255]; or mean and std"
_PLAIN = re.compile(r"[A-Za-z_][\w./-]*")
_NUM_SHOWN = 3


def describe_contracts(
    contracts: Mapping[str, InputContract], unstated: Sequence[str]
) -> Iterator[tuple[str, str]]:
    """Yield labels and texts.

    Such as ("found", "image: range 0..255 (the graph begins with Mul, which makes 0..1 of 0..255)")
    and ("to state", "inputs: {image: {range: [0, 1]}}").

    Args:
        contracts: What was found, by input.
        unstated: Inputs whose range is unknown.
    """
    label = "found"
    for name, contract in contracts.items():
        for text in _describe(contract):
            yield label, f"{name}: {text}"
            label = ""
    for name in unstated:
        yield "unknown", _UNSTATED.format(name=name)
    label = "to state"
    for name in unstated:
        key = name if _PLAIN.fullmatch(name) else json.dumps(name)
        yield label, _ENTRY.format(name=key)
        label = ""
    if unstated:
        yield "", _CHOICE


def _describe(contract: InputContract) -> Iterator[str]:
    """Yield the facts with one evidence: "range 0..255, color rgb (the file states it)"."""
    facts: dict[str, list[str]] = {}
    for name in FACTS:
        if (value := getattr(contract, name)) is not None:
            evidence = contract.evidence.get(json_name(name), "")
            facts.setdefault(evidence, []).append(f"{name} {_show(value)}")
    for evidence, stated in facts.items():
        yield f"{', '.join(stated)} ({evidence})"


def _show(value: object) -> str:
    """Return a value: "0..255" of a range, "3, 4, 5" of a list; the first three of a long list."""
    if isinstance(value, tuple):
        low, high = value
        return f"{low:g}..{high:g}"
    if not isinstance(value, list):
        return str(value)
    shown = [f"{one:g}" if isinstance(one, float) else str(one) for one in value[:_NUM_SHOWN]]
    more = [f"{len(value) - _NUM_SHOWN} more"] if len(value) > _NUM_SHOWN else []
    return ", ".join([*shown, *more])
