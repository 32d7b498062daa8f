"""The lists of operators in docs/onnx.md, written from the tables.

    python -m pipeline.tf.onnx.operators_document

It imports TensorFlow, as the tables do.
"""

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

import onnx

from pipeline.tf.onnx.functions import has_function
from pipeline.tf.onnx.onnx_graph import STANDARD, Node
from pipeline.tf.onnx.operators import OPENVINO, REFUSED, RULES, why_unknown

DOCUMENT = Path(__file__).parents[3] / "docs/onnx.md"
_WIDTH = 130
_DOMAINS = (STANDARD, "ai.onnx.ml")
"""Domains whose operators the library lists."""


def write_lists(text: str) -> str:
    """Return the page with its lists of operators written anew."""
    lists = [
        f"**{domain or 'ai.onnx'}**: {', '.join(sorted(rules))}"
        for domain, rules in RULES.items()
        if domain != OPENVINO  # no operators of ONNX files
    ]
    text = replace_part(text, "operators", "\n\n".join(fill(each) for each in lists))
    defined = [node.op for node in _list_known() if node.op not in _rules(node) and _expands(node)]
    text = replace_part(text, "functions", fill(", ".join(sorted(defined))))
    by_reason: dict[str, list[str]] = {}
    for node in _list_known():
        if node.op not in _rules(node) and not _expands(node):
            by_reason.setdefault(why_unknown(node), []).append(_label(node))
    for (domain, op), reason in REFUSED.items():
        if domain not in _DOMAINS:
            by_reason.setdefault(reason, []).append(f"{domain}.{op}")
    rows = [f"| {reason} | {', '.join(sorted(names))} |" for reason, names in by_reason.items()]
    return replace_part(
        text, "refused", "\n".join(["| reason | operators |", "|---|---|", *sorted(rows)])
    )


def _list_known() -> Iterator[Node]:
    """Yield a node of each operator that the library knows, in its newest version."""
    for schema in onnx.defs.get_all_schemas():
        if schema.domain in _DOMAINS:
            yield Node(
                op=schema.name, domain=schema.domain, version=schema.since_version,
                name="", number=0, inputs=(), outputs=(), attributes={}, proto=onnx.NodeProto(),
            )  # fmt: skip


def _rules(node: Node) -> frozenset[str]:
    return frozenset(RULES.get(node.domain, ()))


def _expands(node: Node) -> bool:
    return (node.domain, node.op) not in REFUSED and has_function(node)


def _label(node: Node) -> str:
    return f"{node.domain}.{node.op}" if node.domain else node.op


def fill(text: str) -> str:
    """Return a text in lines as long as the page's."""
    return textwrap.fill(text, _WIDTH, break_on_hyphens=False, break_long_words=False)


def replace_part(text: str, name: str, content: str) -> str:
    """Return a page with the part between the marks of a name replaced."""
    pattern = rf"(<!-- {name} -->\n).*?(<!-- end of {name} -->)"
    return re.sub(pattern, lambda found: f"{found[1]}{content}\n{found[2]}", text, flags=re.DOTALL)


if __name__ == "__main__":
    DOCUMENT.write_text(write_lists(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
