"""Words for verdicts: equal, close, withheld, wrong, not tried. Pure."""

from collections import Counter
from collections.abc import Iterable

from pipeline.catalog.types import CatalogModel, CatalogVariant
from pipeline.records.verdicts import CatalogCheck

UNTRIED = "not tried"
_OF_STATUS = {"failed": "fails", "untried": UNTRIED}


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


def format_agreements(models: Iterable[CatalogModel], *words: str) -> str:
    """Return the numbers of variants by these words: "12 equal, 3 close, 1 withheld".

    A word of no variant is left out.

    Args:
        models: Entries of the catalog.
        words: Of `variant_word`; by default those of published variants.
    """
    counts = Counter(variant_word(variant) for model in models for variant in model.variants)
    return ", ".join(
        f"{counts[word]:,} {word}" for word in words or ("equal", "close") if counts[word]
    )
