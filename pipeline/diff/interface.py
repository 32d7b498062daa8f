"""The interface of a model, on which code that uses it relies, compared. Pure.

The interface is names, order, dtypes and shapes of inputs and outputs, roles, and the way to run
the model. A shape that only became wider differs too, because pages read sizes from it.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipeline.catalog.phrases import format_shape
from pipeline.catalog.types import CatalogInput, CatalogModel, CatalogRole, CatalogTensor
from pipeline.diff.change import Change, Mark
from pipeline.proof.inputs.contract_facts import FACTS, json_name
from pipeline.records.contract import InputContract

_FACT_WORDS = {"range": "values"}
BREAKING: tuple[Mark, ...] = ("breaking",)


def compare_interface(
    before: CatalogModel, after: CatalogModel, *, absent: frozenset[str]
) -> Iterator[Change]:
    """Yield the changes that code which uses a model would notice.

    Args:
        before: The model before.
        after: The model now.
        absent: Names of fields that one of the catalogs lacks.
    """
    if before.format != after.format:
        text = f"format: {before.format} → {after.format}, which is loaded in another way"
        yield _change("model", "format", before.format, after.format, text)
    if not before.requires_async and after.requires_async:
        yield _change("model", "requiresAsync", before.requires_async, True, "needs executeAsync()")
    yield from _compare_tensors("input", before.inputs, after.inputs)
    yield from _compare_tensors("output", before.outputs, after.outputs)
    yield from _compare_map(before.map, after.map)
    if "roles" not in absent:
        for role in sorted(before.roles.keys() & after.roles.keys()):
            yield from _compare_conventions(role, before.roles[role], after.roles[role])


def _compare_tensors(
    kind: str, before: Sequence[CatalogTensor], after: Sequence[CatalogTensor]
) -> Iterator[Change]:
    old, new = ({tensor.name: tensor for tensor in side} for side in (before, after))
    for name in old:
        if name not in new:
            renamed = _find_renamed(old[name], new, old)
            text = f"{kind} {name}: is called {renamed} now" if renamed else f"{kind} {name}: gone"
            yield _change(f"{kind} {name}", "name", name, renamed, text)
    for name, tensor in new.items():
        if name in old:
            yield from _compare_tensor(f"{kind} {name}", old[name], tensor)
        elif _find_renamed(tensor, old, new) is None:
            yield _new_tensor(kind, tensor, is_second=len(old) == 1)
    kept = [name for name in old if name in new]
    order = [name for name in new if name in old]
    if kept != order:
        text = f"order of {kind}s: {', '.join(kept)} → {', '.join(order)}"
        yield _change(f"{kind}s", "order", kept, order, text)


def _find_renamed(
    tensor: CatalogTensor, others: Mapping[str, CatalogTensor], own: Mapping[str, CatalogTensor]
) -> str | None:
    """Return the name of the tensor on the other side that differs only in its name."""
    for name, other in others.items():
        alike = (other.id, other.js_dtype, other.shape) == (
            tensor.id,
            tensor.js_dtype,
            tensor.shape,
        )
        if alike and name not in own:
            return name
    return None


def _new_tensor(kind: str, tensor: CatalogTensor, *, is_second: bool) -> Change:
    """Return the change of a new tensor.

    An input has to be fed; a second output makes predict() return a list.
    """
    text = f"{kind} {tensor.name}: new, {tensor.js_dtype} {format_shape(tensor.shape)}"
    marks = BREAKING if kind == "input" or is_second else ()
    return _change(f"{kind} {tensor.name}", "new", None, tensor.name, text, marks)


def _compare_tensor(subject: str, before: CatalogTensor, after: CatalogTensor) -> Iterator[Change]:
    if before.js_dtype != after.js_dtype:
        text = f"{subject}: dtype {before.js_dtype} → {after.js_dtype}"
        yield _change(subject, "dtype", before.js_dtype, after.js_dtype, text)
    elif before.dtype != after.dtype:
        text = f"{subject}: dtype in the source {before.dtype} → {after.dtype}"
        yield _change(subject, "sourceDtype", before.dtype, after.dtype, text, ())
    if before.shape != after.shape:
        text = f"{subject}: shape {format_shape(before.shape)} → {format_shape(after.shape)}"
        yield _change(subject, "shape", before.shape, after.shape, text)
    if isinstance(before, CatalogInput) and isinstance(after, CatalogInput):
        yield from _compare_contract(subject, before, after)
    if before.tensor != after.tensor:
        text = f"{subject}: tensor {before.tensor} → {after.tensor}"
        yield _change(subject, "tensor", before.tensor, after.tensor, text)


def _compare_contract(
    subject: str, before: InputContract, after: InputContract
) -> Iterator[Change]:
    """Yield the facts of an input that changed; new facts where a catalog had any before.

    Without a range the loader throws, so its loss breaks callers; other losses take nothing away
    that a page needs.
    """
    for name in FACTS:
        old, new = (_wire(getattr(contract, name)) for contract in (before, after))
        if old == new or (old is None and not before.evidence):
            continue
        key = json_name(name)
        words = f"{subject}: {_FACT_WORDS.get(key, key)}"
        if old is None:
            yield _change(subject, key, None, new, f"{words} {new}, stated now", ())
        elif new is None:
            marks = BREAKING if name == "range" else ()
            yield _change(subject, key, old, None, f"{words} {old}, not stated any more", marks)
        else:
            yield _change(subject, key, old, new, f"{words} {old} → {new}")


def _wire(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _compare_map(
    before: Mapping[str, str | None], after: Mapping[str, str | None]
) -> Iterator[Change]:
    for role in sorted(before.keys() | after.keys()):
        subject = f"role {role}"
        if role not in after:
            yield _change(subject, "gone", before[role], None, f"{subject}: gone")
        elif role not in before:
            where = after[role] or "what the scores say"
            yield _change(subject, "new", None, after[role], f"{subject}: new, {where}", ())
        elif before[role] != after[role]:
            text = f"{subject}: {before[role] or 'none'} → {after[role] or 'none'}"
            yield _change(subject, "tensor", before[role], after[role], text)


def _compare_conventions(role: str, before: CatalogRole, after: CatalogRole) -> Iterator[Change]:
    old, new = before.conventions, after.conventions
    for key in sorted(old.keys() | new.keys()):
        if old.get(key) != new.get(key):
            text = f"role {role}: {key} {old.get(key, 'unknown')} → {new.get(key, 'unknown')}"
            marks = BREAKING if key in old and key in new else ()
            yield _change(f"role {role}", key, old.get(key), new.get(key), text, marks)


def _change(  # noqa: PLR0913, PLR0917  # what a change is
    subject: str,
    what: str,
    before: Any,
    after: Any,
    text: str,
    marks: tuple[Mark, ...] = BREAKING,
) -> Change:
    return Change(subject=subject, what=what, before=before, after=after, text=text, marks=marks)
