"""Recipe fields: a mix of forms as the fields of a variant in models.yaml, in few patterns.

`choose_forms` reads the same mix from them. Names are joined to shell patterns, such as
`block_*/kernel`, where these match no other weight that could be quantized. It opens no file.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from itertools import pairwise
from typing import Any

from pipeline.tfjs.quantize.forms import AS_IN_BASE, BITS, Form
from pipeline.tfjs.quantize.patterns import REST

_FIELDS = {
    "float16": "quantize_float16",
    "uint16": "quantize_uint16",
    "uint8": "quantize_uint8",
    "float32": "keep",
}
_SPECIAL = frozenset("*?[")
# More names than these are not compared with each other, which takes their square.
_MOST_NAMES = 300


def format_recipe(forms: Mapping[str, Form], names: Sequence[str], *, block: int) -> dict[str, Any]:
    """Return the fields of a variant whose weights have these forms.

    Args:
        forms: By weight; those that are left out stay as in the base.
        names: All float32 weights of the model.
        block: The size of blocks that the manifest is to state.

    Returns:
        In the form of JSON: {"quantize_uint8": ["conv*"], "per_channel": True}.
    """
    by_dtype: dict[str, set[str]] = {}
    for name in names:
        by_dtype.setdefault(forms.get(name, AS_IN_BASE).dtype, set()).add(name)
    in_channels = {name for name, form in forms.items() if form.is_scaled and not form.block}
    in_blocks = {name for name, form in forms.items() if form.block}
    rest = _choose_rest(by_dtype, scaled=bool(in_channels or in_blocks))
    fields: dict[str, Any] = {}
    for dtype, field in _FIELDS.items():
        if dtype == rest and dtype != AS_IN_BASE.dtype:
            fields[field] = [REST]
        elif dtype in by_dtype and dtype != rest:
            fields[field] = list(join_names(by_dtype[dtype], names))
    if in_channels:
        fields["per_channel"] = list(join_names(in_channels, names))
    if in_blocks:
        fields["block"] = {"size": block, "weights": list(join_names(in_blocks, names))}
    in_nibbles = {name for name, form in forms.items() if form.bits != BITS}
    if in_nibbles:
        fields["four_bits"] = list(join_names(in_nibbles, names))
    return {key: True if value == [REST] else value for key, value in fields.items()}


def _choose_rest(by_dtype: Mapping[str, set[str]], *, scaled: bool) -> str:
    """Return the dtype of all weights that no pattern names; that of the base needs no field.

    Beside scales per channel, uint8 takes what it names from all others.
    """
    able = {dtype: names for dtype, names in by_dtype.items() if dtype != "uint8" or not scaled}
    return max(able, key=lambda dtype: (len(able[dtype]), dtype), default=AS_IN_BASE.dtype)


def join_names(wanted: Iterable[str], names: Sequence[str]) -> Iterator[str]:
    """Yield few patterns that match the wanted names and no other of all names."""
    left = sorted(wanted)
    others = sorted(set(names) - set(left))
    if not others:
        yield REST
        return
    for pattern in _candidates(left) if len(left) <= _MOST_NAMES else ():
        matched = [name for name in left if fnmatchcase(name, pattern)]
        if len(matched) > 1 and not any(fnmatchcase(name, pattern) for name in others):
            yield pattern
            left = [name for name in left if name not in set(matched)]
    yield from (escape(name) for name in left)


def _candidates(names: Sequence[str]) -> list[str]:
    """Return patterns that match several of these names, those of most names first."""
    found: Counter[str] = Counter()
    for group in (names, sorted(names, key=lambda name: name[::-1])):
        for one, other in pairwise(group):
            found.update(_shared(one, other))
    for name in names:
        found.update(f"*{escape(part)}" for part in _ends(name))
    ranked = {
        pattern: sum(fnmatchcase(name, pattern) for name in names)
        for pattern, number in found.items()
        if number
    }
    ranked = {pattern: number for pattern, number in ranked.items() if number > 1}
    return sorted(ranked, key=lambda pattern: (-ranked[pattern], len(pattern), pattern))


def _shared(one: str, other: str) -> Iterator[str]:
    """Yield patterns of what two names share: beginning, end, both."""
    length = min(len(one), len(other))
    start = next((i for i in range(length) if one[i] != other[i]), length)
    end = next((i for i in range(length - start) if one[-1 - i] != other[-1 - i]), length - start)
    head, tail = escape(one[:start]), escape(one[len(one) - end :])
    if head:
        yield f"{head}*"
    if tail:
        yield f"*{tail}"
    if head and tail:
        yield f"{head}*{tail}"


def _ends(name: str) -> Iterator[str]:
    """Yield the ends of a name that begin at one of its parts: "b/c" and "c" of "a/b/c"."""
    for i, character in enumerate(name):
        if character == "/":
            yield name[i:]


def escape(name: str) -> str:
    """Return the pattern that matches a name alone: "a[[]0]" for "a[0]"."""
    return "".join(f"[{character}]" if character in _SPECIAL else character for character in name)
