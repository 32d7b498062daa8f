"""Phrases: shapes, shares, links and lists as the pages write them. Pure."""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from pipeline.text.quantity import format_bytes
from pipeline.text.suggest import join_words, list_first

NO_SHAPE = "[…]"
_TIMES = "\N{MULTIPLICATION SIGN}"
_NUM_OPS = 4
_WHOLE_PERCENT = 10
_LEAST_PERCENT = 0.0001


def format_shape(shape: Sequence[int] | None) -> str:
    """Return a shape as TensorFlow.js writes it, "?" for an unknown size: "[?, 224, 224, 3]"."""
    if shape is None:
        return NO_SHAPE
    return f"[{', '.join('?' if size < 0 else str(size) for size in shape)}]"


def format_sizes(shape: Sequence[int] | None) -> str:
    """Return a shape without its first axis, the batch: "224 x 224 x 3"; "" if no axis is left."""
    if shape is None:
        return "…"
    return _TIMES.join("?" if size < 0 else str(size) for size in shape[1:])


def format_share(share: float) -> str:
    """Return a share in percent with two digits: "0.52 %", "81 %"."""
    # Twelve digits drop the noise of binary fractions: 100 times 1e-6 is a little below 1e-4.
    percent = float(f"{100 * share:.12g}")
    if percent and percent < _LEAST_PERCENT:
        return f"<{_LEAST_PERCENT} %"
    if percent >= _WHOLE_PERCENT:
        return f"{percent:,.0f} %"
    digits = f"{percent:.2g}"
    return f"{float(digits):.6f}".rstrip("0").rstrip(".") + " %"


def format_range(sizes: Sequence[int]) -> str:
    """Return the range of sizes in bytes: "425 to 841 KiB"; "3.4 MiB" of one size, "" of none."""
    if not sizes:
        return ""
    least, most = format_bytes(min(sizes)), format_bytes(max(sizes))
    if least == most:
        return least
    if least.split()[1] == most.split()[1]:
        least = least.split()[0]
    return f"{least} to {most}"


def format_counts(counts: Mapping[str, int]) -> str:
    """Return numbers of things by name, the largest first: "10 float16, 1 int32"."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{number:,} {name}" for name, number in ordered)


def format_requirements(requires: Mapping[str, Any]) -> str:
    """Return what a page needs: "TensorFlow.js 3.21.0 and the flag KEEP set to true"."""
    parts = []
    for key, value in sorted(requires.items(), key=lambda item: (item[0] != "tfjs", item[0])):
        if key == "tfjs":
            parts.append(f"TensorFlow.js {value}")
        elif key == "flags" and isinstance(value, Mapping):
            flags = sorted(value.items())
            parts += [f"the flag {flag} set to {_plain(setting)}" for flag, setting in flags]
        elif key == "textOps":
            parts.append(f"addTextOps() of zoo.js, for {list_first(value, _NUM_OPS)}")
        else:
            parts.append(f"{key} {_plain(value)}")
    return join_words(parts)


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def format_sentence(text: str) -> str:
    """Return a text as a sentence: "Nobody states the range." for "nobody states the range"."""
    text = text.strip()
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?", "…")) else ".")


def web_url(text: str | None) -> str | None:
    """Return a text if it is an address of the web, else None: no other scheme becomes a link."""
    if text is None or any(character.isspace() for character in text):
        return None
    try:
        parts = urlsplit(text)
    except ValueError:
        return None
    return text if parts.scheme in {"http", "https"} and parts.hostname else None
