"""The lists of operations in docs/openvino.md, written from the tables.

python -m pipeline.tf.openvino.operations_document
"""

from pathlib import Path

from pipeline.tf.onnx.operators_document import fill, replace_part
from pipeline.tf.openvino.operations import REFUSED, RULES

DOCUMENT = Path(__file__).parents[3] / "docs/openvino.md"


def write_lists(text: str) -> str:
    """Return the page with its lists of operations written anew."""
    text = replace_part(text, "operations", fill(", ".join(sorted(RULES))))
    by_reason: dict[str, list[str]] = {}
    for op, reason in REFUSED.items():
        by_reason.setdefault(reason, []).append(op)
    rows = [f"| {reason} | {', '.join(sorted(names))} |" for reason, names in by_reason.items()]
    table = ["| reason | operations |", "|---|---|", *sorted(rows)]
    return replace_part(text, "refused", "\n".join(table))


if __name__ == "__main__":
    DOCUMENT.write_text(write_lists(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
