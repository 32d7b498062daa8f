"""Op classes: the effects that each op of TensorFlow can have on the machine.

The list is op_classes.txt: every op that TensorFlow and the tensorflowjs package register, with
its class and the reason. TensorFlow is not imported here.
"""

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast, get_args

OpClass = Literal[
    "computes", "calls", "keeps", "draws", "prints",
    "checkpoints", "waits",
    "files", "network", "devices", "process", "programs", "pipelines", "memory",
    "internal", "tests", "forests",
]  # fmt: skip
"""The effects of an op.

- computes, calls, keeps, draws, prints: it turns tensors into tensors, calls functions of its own
  graph, keeps values in the memory of its process, returns random numbers, writes to the log.
  It may run.
  - checkpoints, waits: it may be in a graph if it never runs; a checkpoint is also read if
    TensorFlow itself names it.
  - All others: it may not be in a graph.
"""

ALLOWED: frozenset[OpClass] = frozenset({"computes", "calls", "keeps", "draws", "prints"})
"""Classes that may run."""

LEFT_OVER: frozenset[OpClass] = frozenset({"checkpoints", "waits"})
"""Classes that may be in a graph if they never run."""

REASONS: Mapping[OpClass | None, str] = {
    "checkpoints": "checkpoints",
    "waits": "data pipelines",
    "files": "files",
    "network": "other machines",
    "devices": "accelerators",
    "process": "this process",
    "programs": "programs in a text",
    "pipelines": "data pipelines",
    "memory": "memory that nobody wrote",
    "internal": "internal to TensorFlow",
    "tests": "TensorFlow's own tests",
    "forests": "Decision Forests",
    None: "not known to this version of tfjs-zoo",
}
"""The subject of each refused class, for messages."""

_PATH = Path(__file__).with_name("op_classes.txt")


@dataclass(frozen=True, kw_only=True)
class Family:
    """Ops of one class, for one reason.

    Attributes:
        op_class: Their class.
        text: What they do, in a sentence.
        ops: Their names.
    """

    op_class: OpClass
    text: str
    ops: tuple[str, ...]


@functools.cache
def op_classes() -> Mapping[str, OpClass]:
    """Return the class of each known op, by the op's name."""
    return {name: family.op_class for family in families() for name in family.ops}


@functools.cache
def families() -> tuple[Family, ...]:
    """Return the families of known ops, in the order of the list."""
    return tuple(_read(_PATH.read_text()))


def _read(text: str) -> Iterator[Family]:
    """Yield the families in the text of the list."""
    for part in text.split("\n[")[1:]:
        heading, *lines = part.splitlines()
        op_class = heading.rstrip("]")
        assert op_class in get_args(OpClass), op_class
        yield Family(
            op_class=cast("OpClass", op_class),
            text=" ".join(line.removeprefix("#").strip() for line in lines if line[:1] == "#"),
            ops=tuple(name for line in lines if line[:1] != "#" for name in line.split()),
        )
