"""Words for verdicts: equal, close, withheld, wrong, not tried; and how often each stands. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pipeline.catalog.types import CatalogModel, CatalogVariant
from pipeline.records.record import Part
from pipeline.records.verdicts import CatalogCheck
from pipeline.text.quantity import count
from pipeline.text.suggest import list_first

UNTRIED = "not tried"
_OF_STATUS = {"failed": "fails", "untried": UNTRIED}
_COUNTED = ("equal", "close", "withheld")
_MOST_NAMES = 5


def check_word(check: CatalogCheck | None) -> str:
    """Return what became of a variant on a backend: "equal", "close", "wrong", "fails".

    "ok" is of a catalog that does not tell how near it is; a backend without a check was not tried.
    """
    if check is None:
        return UNTRIED
    return check.agreement or _OF_STATUS.get(check.status, check.status)


def variant_word(variant: CatalogVariant) -> str:
    """Return what became of a variant: "equal", "close", "withheld", "skipped", "failed"."""
    return (variant.agreement or "ok") if variant.status == "ok" else variant.status


@dataclass(frozen=True, kw_only=True)
class VerdictCounts:
    """How the variants of some models were judged.

    Attributes:
        variants: Number of variants by `equal`, `close` and `withheld`.
        provisional: Names of the models whose verdicts are provisional.
    """

    variants: Counter[str]
    provisional: Sequence[str]

    def describe_variants(self, *words: str) -> str:
        """Return the numbers of variants: "12 equal, 3 close, 1 withheld"; "" without any.

        Args:
            words: Those that are told; all if none is given.
        """
        told = words or _COUNTED
        return ", ".join(f"{self.variants[word]:,} {word}" for word in told if self.variants[word])

    def describe_provisional(self) -> str:
        """Return the number of models with doubtful verdicts: "3 models (a, b, c)"; "" of none."""
        if not self.provisional:
            return ""
        names = list_first(self.provisional, _MOST_NAMES)
        return f"{count(len(self.provisional), 'model')} ({names})"


class ModelVerdicts(Part):
    """How the variants of a model were judged, in a few numbers."""

    status: Literal["ok", "stale", "failed"]
    """Status of the model."""
    variants: dict[str, int]
    """Number of its variants by their word."""
    provisional: bool
    """Whether verdicts on it say little."""
    sizes: tuple[int, int] | None = None
    """Bytes of its base and of its smallest variant; None where its base is not published."""


def judge_model(model: CatalogModel) -> ModelVerdicts:
    """Return how the variants of a model were judged."""
    return ModelVerdicts(
        status=model.status,
        variants=dict(Counter(map(variant_word, model.variants))),
        provisional=bool(model.variants and model.provisional),
        sizes=_find_sizes(model),
    )


def _find_sizes(model: CatalogModel) -> tuple[int, int] | None:
    sizes = [one.bytes for one in model.variants if one.status == "ok" and one.bytes is not None]
    if not sizes or model.variants[0].status != "ok":
        return None
    return model.variants[0].bytes or 0, min(sizes)


def count_verdicts(models: Iterable[CatalogModel]) -> VerdictCounts:
    """Return how the variants of these models were judged."""
    return add_verdicts({model.name: judge_model(model) for model in models})


def add_verdicts(models: Mapping[str, ModelVerdicts]) -> VerdictCounts:
    """Return how the variants of models were judged, from the numbers of each by its name."""
    words = Counter(dict.fromkeys(_COUNTED, 0))
    for verdicts in models.values():
        words.update({word: verdicts.variants.get(word, 0) for word in _COUNTED})
    return VerdictCounts(
        variants=words,
        provisional=[name for name, verdicts in models.items() if verdicts.provisional],
    )
