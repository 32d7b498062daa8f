"""Changes: what differs between two catalogs, and what it means for those who use the zoo.

`breaking`: code that uses the model may have to change: a name, a role, a shape, a dtype, an
    order is another, or something that was offered is not.
`regression`: the zoo offers less than before, or worse: a variant is withheld, an error or a
    size grew, a backend does not run it any more, a model failed.
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
    """One thing that is another now.

    Attributes:
        subject: What it is a change of: "output scores", "variant uint8", "license".
        what: What of it: "shape", "dtype", "gone", "new", "status" …
        before: A JSON value; None where there was none.
        after: The same, now.
        text: All of it in words.
        marks: What it means.
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
        text: What was before, and what is now.
    """

    kind: CauseKind
    text: str


@dataclass(frozen=True, kw_only=True)
class VariantState:
    """A variant in one of the catalogs.

    Attributes:
        status: As in the catalog.
        reason: Why it is not `ok`.
        bytes: Its size; None where it is not published.
        deviation: How far it is from its source; None where that was not measured.
        backends: What became of it on each backend.
    """

    status: str
    reason: str | None
    bytes: int | None
    deviation: Deviation | None
    backends: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class VariantDifference:
    """What became of a variant.

    Attributes:
        name: Its name.
        fate: What became of it; None where nothing changed.
        before: What it was; None where there was none.
        after: What it is.
        changes: What differs.
    """

    name: str
    fate: Fate | None
    before: VariantState | None
    after: VariantState | None
    changes: Sequence[Change]


@dataclass(frozen=True, kw_only=True)
class ModelDifference:
    """What became of a model.

    Attributes:
        name: Its name.
        fate: What became of it.
        before: Its status before; None where there was no such model.
        after: Its status now.
        changes: What differs, but for its variants.
        variants: Its variants, also those that are as they were.
        causes: Why.
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
        """What it means, the worst first."""
        found = {mark for change in self.all_changes for mark in change.marks}
        return [mark for mark in MARKS if mark in found]


@dataclass(frozen=True, kw_only=True)
class Difference:
    """What differs between two catalogs.

    Attributes:
        before: What people call the one.
        after: What people call the other.
        is_first: Nothing was published before.
        toolchain: Version of each tool whose version is another: before, now.
        models: The models that differ, by name.
        unchanged: Number of models that are as they were.
    """

    before: str
    after: str
    is_first: bool
    toolchain: dict[str, tuple[str | None, str | None]]
    models: Sequence[ModelDifference]
    unchanged: int

    def count_marks(self, mark: Mark) -> int:
        """Return how many changes bear a mark."""
        return sum(mark in change.marks for model in self.models for change in model.all_changes)
