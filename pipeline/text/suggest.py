"""Names in messages: the nearest to a mistyped name, a choice of names, the first of many. Pure."""

from collections.abc import Iterable, Sequence

SIMILARITY = 0.6
"""How alike two names must be for one to be suggested for the other: difflib's ratio, 0 to 1."""


def find_similar(
    name: str, known: Iterable[str], *, most: int = 1, similarity: float = SIMILARITY
) -> list[str]:
    """Return the known names that are spelled most like a name, the nearest first.

    "sourse" finds `["source"]` among "name", "source" and "task".

    Args:
        name: The name that was given.
        known: The names that exist.
        most: Number of names to return at most.
        similarity: How alike they must be; `SIMILARITY` explains the unit.
    """
    import difflib  # noqa: PLC0415  # only messages need it, and most runs write none

    return difflib.get_close_matches(name, list(known), n=most, cutoff=similarity)


def did_you_mean(names: Iterable[str]) -> str:
    """Return the end of a message that suggests names: "; did you mean 'boxes' or 'box'?".

    Without names the end is empty.
    """
    asked = " or ".join(map(repr, names))
    return f"; did you mean {asked}?" if asked else ""


def join_words(words: Iterable[str], last: str = "and") -> str:
    """Return words as a sentence has them: "cpu, wasm and webgl", or with "or" as `last`."""
    *others, final = list(words) or [""]
    return f"{', '.join(others)} {last} {final}" if others else final


def list_first(names: Sequence[str], most: int, *, separator: str = ", ") -> str:
    """Return the first names and the number of the others: "Conv2D, Relu and 4 more"."""
    more = len(names) - most
    listed = separator.join(names[:most])
    return f"{listed} and {more:,} more" if more > 0 else listed
