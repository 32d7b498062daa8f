"""Differences between two catalogs, and their meaning for people who use the zoo.

`breaking`: code that uses the model may have to change: a name, a role, a shape, a dtype or an
    order differs, or something that was published is gone.
`regression`: the zoo has less than before, or worse: a variant is withheld, an error or a size
    grew, a backend no longer runs a model, a model failed.
`improvement`: the opposite of a regression.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pipeline.catalog.deviation import Deviation

Mark = Literal["breaking", "regression", "improvement"]
Fate = Literal["new", "gone", "changed"]
CauseKind = Literal["source", "parameters", "tool", "pipeline", "failure", "unknown"]

MARKS: tuple[Mark, ...] = ("breaking", "regression", "improvement")


@dataclass(frozen=True, kw_only=True)
class Change:
    """A change of one value.

    Attributes:
        subject: The thing that changed: "output scores", "variant uint8", "license".
        what: The property that changed: "shape", "dtype", "gone", "new", "status" …
        before: The JSON value before; None where there was none.
        after: The JSON value now; None where there is none.
        text: The change in words: "output scores: dtype float32 → int32".
        marks: Its meaning.
    """

    subject: str
    what: str
    before: Any
    after: Any
    text: str
    marks: tuple[Mark, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Cause:
    """Why something changed.

    Attributes:
        kind: `source`: other files, or from elsewhere; `parameters`: the manifest; `tool`:
            another version of a tool; `pipeline`: of tfjs-zoo; `failure`: it failed.
        text: The value before and now: "tensorflow 2.18.0 → 2.19.0".
    """

    kind: CauseKind
    text: str


@dataclass(frozen=True, kw_only=True)
class VariantState:
    """A variant in one of the catalogs.

    Attributes:
        status: As in the catalog.
        agreement: How near it is to its source: `equal` or `close`; None unless `ok`.
        reason: Why it is not `ok`.
        bytes: Its size; None for a variant that is not published.
        deviation: Its deviation from the source; None where it was not measured.
        backends: Its status on each backend.
    """

    status: str
    agreement: str | None
    reason: str | None
    bytes: int | None
    deviation: Deviation | None
    backends: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class VariantDifference:
    """The difference of a variant.

    Attributes:
        name: Its name.
        fate: "new", "gone" or "changed"; None where nothing changed.
        before: Its state before; None for a new variant.
        after: Its state now; None for a variant that is gone.
        changes: Its changes.
    """

    name: str
    fate: Fate | None
    before: VariantState | None
    after: VariantState | None
    changes: Sequence[Change]


@dataclass(frozen=True, kw_only=True)
class ModelDifference:
    """The difference of a model.

    Attributes:
        name: Its name.
        fate: "new", "gone" or "changed".
        before: Its status before; None for a new model.
        after: Its status now; None for a model that is gone.
        changes: Its changes, without those of its variants.
        variants: Its variants, unchanged variants too.
        causes: The causes of its changes.
    """

    name: str
    fate: Fate
    before: str | None
    after: str | None
    changes: Sequence[Change]
    variants: Sequence[VariantDifference]
    causes: Sequence[Cause] = ()

    @property
    def all_changes(self) -> list[Change]:
        """Its changes with those of its variants."""
        return [*self.changes, *(change for one in self.variants for change in one.changes)]

    @property
    def marks(self) -> list[Mark]:
        """The marks of all its changes, the worst first."""
        found = {mark for change in self.all_changes for mark in change.marks}
        return [mark for mark in MARKS if mark in found]


@dataclass(frozen=True, kw_only=True)
class Difference:
    """The difference of two catalogs.

    Attributes:
        before: The file, folder or URL of the earlier catalog.
        after: The file, folder or URL of the later catalog.
        is_first: Whether nothing was published before.
        toolchain: Versions of each tool whose version differs: before, now.
        models: The models that differ, sorted by name.
        unchanged: Number of models that do not differ.
    """

    before: str
    after: str
    is_first: bool
    toolchain: dict[str, tuple[str | None, str | None]]
    models: Sequence[ModelDifference]
    unchanged: int

    def count_marks(self, mark: Mark) -> int:
        """Return the number of changes with a mark."""
        return sum(mark in change.marks for model in self.models for change in model.all_changes)
