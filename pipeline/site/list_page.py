"""The page that lists the models of a zoo, with filters to search them by. Pure.

The column of sizes is a chart that runs through all rows: every row has the same logarithmic axis,
and a dot on it for each published variant.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pipeline.catalog.index import IndexModel
from pipeline.catalog.task_words import words_for
from pipeline.catalog.verdict_words import VerdictCounts, add_verdicts
from pipeline.site.code_pieces import Snippet
from pipeline.site.listed_model import ListedModel
from pipeline.site.snippets import zoo_snippet
from pipeline.text.quantity import KIB, format_bytes

AXIS_LEFT, AXIS_RIGHT = 8, 232
NO_LICENSE = "unknown"
# The powers of a power of two are round in 1024-based units: 8 KiB, 64 KiB, 512 KiB, 4 MiB.
_STEPS = (4, 8, 16, 32, 64, 1024)
_MOST_TICKS = 4
_LIMITS = tuple(KIB * KIB // 4 * 2**i for i in range(13))


@dataclass(frozen=True, kw_only=True)
class Row:
    """A model in the list.

    Attributes:
        model: Its line in the index.
        shown: What else is shown of it.
        dots: Position of the size of each published variant on the axis.
        num_withheld: Number of variants that were made and are not published.
        license: Its licence in the catalog, or `NO_LICENSE`.
        words: Other words for its task, which a search finds too.
    """

    model: IndexModel
    shown: ListedModel
    dots: Sequence[float]
    num_withheld: int
    license: str
    words: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class Facet:
    """A property by which the list is filtered.

    Attributes:
        key: Its name in the address of the page.
        label: Its name for people.
        values: Its values, each with the number of models that have it.
    """

    key: str
    label: str
    values: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class ListPage:
    """The page that lists the models of a zoo.

    Attributes:
        rows: A row for each model.
        axis: The smallest and the largest size on the axis, by which the dots of all rows follow.
        facets: The properties by which the list is filtered.
        size_limits: Sizes in bytes by which the list is filtered, each with its text.
        ticks: Positions and texts on the axis of sizes.
        example: Code that loads a model; None for a zoo without published models.
        num_published: Number of published variants.
        num_withheld: Number of variants that were made and are not published.
        verdicts: How they were judged.
    """

    rows: Sequence[Row]
    axis: tuple[int, int]
    facets: Sequence[Facet]
    size_limits: Sequence[tuple[int, str]]
    ticks: Sequence[tuple[float, str]]
    example: Snippet | None
    num_published: int
    num_withheld: int
    verdicts: VerdictCounts


def describe_list(models: Sequence[ListedModel]) -> ListPage:
    """Return the page that lists the models of a zoo."""
    sizes = [size for model in models for size in model.sizes]
    axis = _axis(sizes)
    rows = [_row(model, axis) for model in models]
    offered = [model.index.name for model in models if model.sizes]
    return ListPage(
        rows=rows,
        axis=(axis.least, axis.most),
        facets=[
            _facet("task", "Task", ([row.model.task] for row in rows if row.model.task)),
            _facet("tag", "Tag", (row.model.tags for row in rows)),
            _facet("license", "Licence", ([row.license] for row in rows)),
            _facet("backend", "Backend", (model.backends for model in models)),
        ],
        size_limits=_limits([min(model.sizes) for model in models if model.sizes]),
        ticks=list(axis.ticks()),
        example=zoo_snippet(offered[0]) if offered else None,
        num_published=len(sizes),
        num_withheld=sum(row.num_withheld for row in rows),
        verdicts=add_verdicts({model.index.name: model.verdicts for model in models}),
    )


@dataclass(frozen=True, kw_only=True)
class _Axis:
    """The logarithmic axis of sizes, from the smallest size in the zoo to the largest."""

    least: int
    most: int

    def place(self, size: int) -> float:
        """Return the position of a size."""
        share = math.log(max(size, 1) / self.least) / math.log(self.most / self.least)
        return round(AXIS_LEFT + share * (AXIS_RIGHT - AXIS_LEFT), 1)

    def ticks(self) -> Iterator[tuple[float, str]]:
        """Yield positions and texts of round sizes."""
        for step in _STEPS:
            powers = [step**power for power in range(64)]
            sizes = [size for size in powers if self.least <= size <= self.most]
            if len(sizes) <= _MOST_TICKS:
                break
        for size in sizes:
            yield self.place(size), format_bytes(size).replace(".0", "")


def _axis(sizes: Sequence[int]) -> _Axis:
    least = max(min(sizes, default=KIB), 1)
    # Wide enough for one tick at least.
    return _Axis(least=least, most=max([*sizes, least * _STEPS[1]]))


def _row(shown: ListedModel, axis: _Axis) -> Row:
    return Row(
        model=shown.index,
        shown=shown,
        dots=[axis.place(size) for size in shown.sizes],
        num_withheld=shown.verdicts.variants.get("withheld", 0),
        license=shown.index.license or NO_LICENSE,
        words=words_for(shown.index.task),
    )


def _facet(key: str, label: str, values: Iterable[Iterable[str]]) -> Facet:
    counted = Counter(value for found in values for value in found)
    return Facet(key=key, label=label, values=dict(sorted(counted.items())))


def _limits(sizes: Sequence[int]) -> list[tuple[int, str]]:
    """Return the sizes that divide the models by the size of their smallest variants."""
    return [
        (limit, format_bytes(limit))
        for limit in _LIMITS
        if any(size <= limit for size in sizes) and any(size > limit for size in sizes)
    ]
