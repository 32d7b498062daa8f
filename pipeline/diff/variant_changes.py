"""The variants of a model compared: status, sizes, errors and backends. Pure.

An error is a regression if it grew by half and takes more than a tenth of its limit; a smaller
change is noise of the last digits. A size is a regression if it grew by a tenth, and a variant that
was equal to its source if it is only close to it now.
"""

from collections.abc import Iterator, Sequence

from pipeline.catalog.deviation import Deviation, deciding_backend, worst_deviation
from pipeline.catalog.phrases import format_requirements, format_share
from pipeline.catalog.types import CatalogModel, CatalogVariant
from pipeline.catalog.verdict_words import check_word, variant_word
from pipeline.diff.change import Change, Fate, Mark, VariantDifference, VariantState
from pipeline.text.line import first_line
from pipeline.text.quantity import format_bytes

LARGER = 1.1
WORSE = 1.5
NOISE_STRAIN = 0.1
# For errors without a limit.
NOISE_SHARE = 1e-4


def compare_variants(
    before: CatalogModel | None, after: CatalogModel | None, *, absent: frozenset[str]
) -> list[VariantDifference]:
    """Return the difference of each variant of a model, in its order.

    Args:
        before: The model before; None for a new model.
        after: The model now; None for a model that is gone.
        absent: Names of fields that one of the catalogs lacks.
    """
    old = {variant.name: variant for variant in before.variants} if before else {}
    new = {variant.name: variant for variant in after.variants} if after else {}
    return [
        _compare(name, (before, old.get(name)), (after, new.get(name)), absent)
        for name in dict.fromkeys((*new, *old))
    ]


_Side = tuple[CatalogModel | None, CatalogVariant | None]


def _compare(name: str, old: _Side, new: _Side, absent: frozenset[str]) -> VariantDifference:
    before, after = _state(*old), _state(*new)
    changes: list[Change] = []
    if old[1] is None or new[1] is None:
        changes += _compare_presence(name, before, after)
    else:
        changes += _compare_status(name, old[1], new[1])
        same = old[1].status == new[1].status
        if same and new[1].status == "ok":
            changes += _compare_files(name, old[1], new[1])
            if "agreement" not in absent:
                changes += _compare_agreement(name, old[1], new[1])
        if "checks" not in absent:
            changes += _compare_errors(name, before, after)
            # If the status differs, its reason says which backend decided.
            changes += _compare_backends(name, old[1], new[1]) if same else ()
    if before is None:
        return VariantDifference(name=name, fate="new", before=None, after=after, changes=changes)
    if after is None:
        return VariantDifference(name=name, fate="gone", before=before, after=None, changes=changes)
    fate: Fate | None = "changed" if changes else None
    return VariantDifference(name=name, fate=fate, before=before, after=after, changes=changes)


def _state(model: CatalogModel | None, variant: CatalogVariant | None) -> VariantState | None:
    if model is None or variant is None:
        return None
    backend = deciding_backend(variant, model.variants[0])
    deviation = worst_deviation(variant.checks[backend], model.outputs) if backend else None
    return VariantState(
        status=variant.status,
        agreement=variant.agreement,
        reason=variant.reason,
        bytes=variant.bytes,
        deviation=deviation,
        backends={name: check.status for name, check in sorted(variant.checks.items())},
    )


def _compare_presence(
    name: str, before: VariantState | None, after: VariantState | None
) -> Iterator[Change]:
    if before is None and after is not None:
        detail = format_bytes(after.bytes) if after.bytes is not None else _why(after)
        yield _change(name, "new", None, after.status, f"new, {detail}")
    elif before is not None and before.status == "ok":
        yield _change(name, "gone", before.status, None, "gone", "breaking")
    elif before is not None:
        yield _change(name, "gone", before.status, None, f"gone; it was {before.status}")


def _compare_status(name: str, before: CatalogVariant, after: CatalogVariant) -> Iterator[Change]:
    if before.status == after.status:
        return
    marks: list[Mark] = []
    if before.status == "ok":
        # Code that loads the variant by name finds nothing now.
        marks = ["breaking"] if after.status == "skipped" else ["breaking", "regression"]
    elif after.status == "ok":
        marks = ["improvement"]
    now = "published" if after.status == "ok" else _why(after)
    was = "published" if before.status == "ok" else before.status
    yield _change(name, "status", before.status, after.status, f"{now}; was {was}", *marks)


def _compare_files(name: str, before: CatalogVariant, after: CatalogVariant) -> Iterator[Change]:
    old, new = (sorted(file.sha256 for file in side.files) for side in (before, after))
    if old == new:
        return
    shards = [{file.sha256 for file in side.files[1:]} for side in (before, after)]
    part = "weights" if shards[0] != shards[1] else "graph"
    yield _change(name, part, before.model_path, after.model_path, f"other {part}")
    if before.bytes is None or after.bytes is None or before.bytes == after.bytes:
        return
    marks: list[Mark] = []
    if after.bytes > LARGER * before.bytes:
        marks = ["regression"]
    elif LARGER * after.bytes < before.bytes:
        marks = ["improvement"]
    text = f"{format_bytes(before.bytes)} → {format_bytes(after.bytes)}"
    yield _change(name, "size", before.bytes, after.bytes, text, *marks)


def _compare_agreement(
    name: str, before: CatalogVariant, after: CatalogVariant
) -> Iterator[Change]:
    if before.agreement == after.agreement:
        return
    words = variant_word(before), variant_word(after)
    marks: Sequence[Mark] = ()
    if "equal" in words:
        marks = ("improvement",) if words[1] == "equal" else ("regression",)
    yield _change(name, "agreement", *words, " → ".join(words), *marks)


def _compare_errors(
    name: str, before: VariantState | None, after: VariantState | None
) -> Iterator[Change]:
    old = before.deviation if before else None
    new = after.deviation if after else None
    if old is None or new is None or (old.share, old.what) == (new.share, new.what):
        return
    marks: list[Mark] = []
    if old.what == new.what:
        if new.share > WORSE * old.share and not _is_noise(new):
            marks = ["regression"]
        elif old.share > WORSE * new.share and not _is_noise(old):
            marks = ["improvement"]
    shares = format_share(old.share), format_share(new.share)
    if not marks and shares[0] == shares[1]:
        return
    text = f"error {shares[0]} → {shares[1]} {new.what}"
    yield _change(name, "error", old.share, new.share, text, *marks)


def _is_noise(deviation: Deviation) -> bool:
    if deviation.limit is None:
        return deviation.share < NOISE_SHARE
    return deviation.strain < NOISE_STRAIN


def _compare_backends(name: str, before: CatalogVariant, after: CatalogVariant) -> Iterator[Change]:
    for backend in sorted(before.checks.keys() & after.checks.keys()):
        old, new = before.checks[backend], after.checks[backend]
        if old.status != new.status:
            marks: Sequence[Mark] = ()
            # Another machine may have no browser, which says nothing of the variant.
            if "untried" not in {old.status, new.status}:
                marks = ("regression",) if old.status == "ok" else ()
                marks = ("improvement",) if new.status == "ok" else marks
            reason = f": {first_line(new.reason)}" if new.reason else ""
            text = f"on {backend} {check_word(old)} → {check_word(new)}{reason}"
            yield _change(name, f"backend {backend}", old.status, new.status, text, *marks)
        if old.requires != new.requires:
            added = any(old.requires.get(key) != value for key, value in new.requires.items())
            needs = format_requirements(new.requires) or "nothing of the kind any more"
            text = f"on {backend} a page has to have {needs}"
            marks = ("breaking",) if added else ("improvement",)
            yield _change(name, f"requires {backend}", old.requires, new.requires, text, *marks)


def _why(state: VariantState | CatalogVariant) -> str:
    reason = first_line(state.reason)
    return f"{state.status}: {reason}" if reason else state.status


def _change(name: str, what: str, before: object, after: object, text: str, *marks: Mark) -> Change:
    return Change(
        subject=f"variant {name}",
        what=what,
        before=before,
        after=after,
        text=f"variant {name}: {text}",
        marks=tuple(marks),
    )
