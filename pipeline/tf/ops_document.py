"""The lists in docs/tensorflow-ops.md, written from the tables of ops.

    python -m pipeline.tf.ops_document

It imports TensorFlow, as the rules do.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from tensorflow.core.framework.op_def_pb2 import OpList
from tensorflow.python.client import pywrap_tf_session

from pipeline.tf.lower.complex_rules import BOTH_PARTS, COMPLEX_BY_DEFAULT
from pipeline.tf.lower.complex_rules import RULES as COMPLEX_RULES
from pipeline.tf.lower.lowering_rules import RULES
from pipeline.tf.onnx.operators_document import fill, replace_part
from pipeline.tf.untrusted.op_classes import ALLOWED, REASONS, Family, families, op_classes
from pipeline.tfjs.op_support import GONE_AFTER_CONVERSION, mapped_ops
from pipeline.tfjs.rewrite.single_ops import REWRITES
from pipeline.tfjs.text_ops import TEXT_OPS

DOCUMENT = Path(__file__).parents[2] / "docs/tensorflow-ops.md"
Status = Literal[
    "as it is", "repaired", "lowered", "by the loader", "removed", "refused", "kept out"
]  # fmt: skip
_MEANING: Mapping[Status, str] = {
    "as it is": "TensorFlow.js has the op, and it stays",
    "repaired": "TensorFlow.js has the op and computes some forms wrongly: those are replaced",
    "lowered": "TensorFlow.js lacks the op: other ops compute the same",
    "by the loader": "an op on texts that the loader brings (texts.md)",
    "removed": "freezing and the optimizer remove the op: variables, calls, checks",
    "refused": "the op computes and has no rule: a graph that needs it is refused, with its place",
    "kept out": "files, other machines, data pipelines, accelerators, TensorFlow's own ops",
}
_OF_FORESTS = "SimpleML"
# Freezing writes them as Switch and Merge.
_REMOVED = GONE_AFTER_CONVERSION | {"Case", "StatelessCase"}


def find_status(op: str) -> Status:
    """Return what becomes of an op: "lowered"."""
    is_mapped = op in (mapped_ops() or ())
    is_complex = op in COMPLEX_RULES and (not is_mapped or op in COMPLEX_BY_DEFAULT)
    if op in RULES or is_complex:
        return "repaired" if is_mapped or (op in RULES and RULES[op].why) else "lowered"
    if is_mapped:
        return "repaired" if op in REWRITES else "as it is"
    if op in _REMOVED:
        return "removed"
    if op in TEXT_OPS:
        return "by the loader"
    return "refused" if op_classes()[op] in ALLOWED else "kept out"


def list_ops() -> list[str]:
    """Return the ops of TensorFlow, without those that other packages register."""
    found = OpList.FromString(pywrap_tf_session.TF_GetBuffer(pywrap_tf_session.TF_GetAllOpList()))
    known = {name for family in families() for name in family.ops if family.op_class != "forests"}
    own = (op.name for op in found.op if not op.name.startswith(_OF_FORESTS))
    return sorted(name for name in own if name in known)


def write_lists(text: str) -> str:
    """Return the page with its counts and lists written anew."""
    by_status: dict[Status, list[str]] = {status: [] for status in _MEANING}
    for op in list_ops():
        by_status[find_status(op)].append(op)
    counts = [f"| {each} | {len(by_status[each])} | {_MEANING[each]} |" for each in _MEANING]
    total = sum(map(len, by_status.values()))
    rows = ["| | ops | |", "|---|---|---|", *counts, f"| all | {total} | |"]
    text = replace_part(text, "counts", "\n".join(rows))
    for status in ("as it is", "by the loader", "removed"):
        text = replace_part(text, status, fill(", ".join(by_status[status])))
    text = replace_part(text, "repaired", _table(by_status["repaired"], with_reason=True))
    text = replace_part(text, "lowered", _table(by_status["lowered"], with_reason=False))
    text = replace_part(text, "complex", fill(", ".join(sorted(COMPLEX_RULES.keys() | BOTH_PARTS))))
    text = replace_part(text, "refused", _list_refused(set(by_status["refused"])))
    return replace_part(text, "kept out", _list_refused(set(by_status["kept out"])))


def _table(ops: list[str], *, with_reason: bool) -> str:
    head = ["| op | becomes | because |", "|---|---|---|"]
    rows = head if with_reason else ["| op | becomes |", "|---|---|"]
    for op in ops:
        rule = RULES.get(op) or COMPLEX_RULES.get(op)
        becomes = rule.becomes if rule else "another form in the written graph"
        why = (rule and rule.why) or "see the repairs that the catalog states"
        rows.append(f"| {op} | {becomes} | {why} |" if with_reason else f"| {op} | {becomes} |")
    return "\n".join(rows)


def _list_refused(refused: set[str]) -> str:
    rows = ["| ops of TensorFlow | refused |", "|---|---|"]
    for family in families():
        ops = [op for op in family.ops if op in refused]
        if ops:
            rows.append(f"| {_describe(family)} | {', '.join(ops)} |")
    return "\n".join(rows)


def _describe(family: Family) -> str:
    """Return what a family's ops do: "Texts", or with what they touch: "Files: they read …"."""
    if family.op_class in ALLOWED:
        return family.text
    return f"{family.text} ({REASONS[family.op_class]})"


if __name__ == "__main__":
    DOCUMENT.write_text(write_lists(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
