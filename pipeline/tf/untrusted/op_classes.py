"""Op classes: the effects that each op of TensorFlow can have on the machine.

The list is op_classes.txt: every op that TensorFlow and the tensorflowjs package register, with
its class and the reason. TensorFlow is not imported here.
"""

import functools
from collections.abc import Iterator, Mapping
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


@functools.cache
def op_classes() -> Mapping[str, OpClass]:
    """Return the class of each known op, by the op's name."""
    return dict(_read(_PATH.read_text()))


def _read(text: str) -> Iterator[tuple[str, OpClass]]:
    """Yield name and class of each op in the text of the list."""
    current: OpClass | None = None
    for line in text.splitlines():
        if line.startswith("["):
            heading = line.strip("[]")
            assert heading in get_args(OpClass), heading
            current = cast("OpClass", heading)
        elif not line.startswith("#"):
            for name in line.split():
                assert current, name
                yield name, current
