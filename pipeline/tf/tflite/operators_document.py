"""The lists of operators in docs/tflite.md, written from the tables.

    python -m pipeline.tf.tflite.operators_document

It imports TensorFlow, as the tables do.
"""

import re
import textwrap
from pathlib import Path

from pipeline.tf.tflite.operators import HELD, REAL, REFUSED, UNKNOWN
from pipeline.tf.tflite.tflite_model import OPERATORS

DOCUMENT = Path(__file__).parents[3] / "docs/tflite.md"
_WIDTH = 130
_INTERNAL = {"CUSTOM", "PLACEHOLDER_FOR_GREATER_OP_CODES"}


def write_lists(text: str) -> str:
    """Return the page with its lists of operators written anew."""
    built = ", ".join(sorted(REAL.keys() | HELD.keys()))
    text = _replace(text, "operators", textwrap.fill(built, _WIDTH, break_on_hyphens=False))
    by_reason: dict[str, list[str]] = {}
    for name in sorted(set(OPERATORS.values()) | REFUSED.keys()):
        if name not in REAL and name not in HELD and name not in _INTERNAL:
            by_reason.setdefault(REFUSED.get(name, UNKNOWN), []).append(name)
    rows = [f"| {reason} | {', '.join(names)} |" for reason, names in sorted(by_reason.items())]
    return _replace(text, "refused", "\n".join(["| reason | operators |", "|---|---|", *rows]))


def _replace(text: str, name: str, content: str) -> str:
    pattern = rf"(<!-- {name} -->\n).*?(<!-- end of {name} -->)"
    return re.sub(pattern, lambda found: f"{found[1]}{content}\n{found[2]}", text, flags=re.DOTALL)


if __name__ == "__main__":
    DOCUMENT.write_text(write_lists(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
