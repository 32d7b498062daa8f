"""`doit check`: compares the zoo's files with the digests of their receipts.

A run compares sizes only, so that a run with nothing to do takes no time; this command finds a bit
that a disk turned.
"""

import gc
import sys
from typing import Any

from doit.cmd_base import DoitCmdBase

from pipeline.audit.audit import audit_zoo
from pipeline.audit.audit_view import format_advice, format_audit, format_repaired
from pipeline.audit.damage import forget
from pipeline.commands.locked import zoo_lock
from pipeline.commands.options import ZooCommand
from pipeline.commands.purposes import PURPOSES
from pipeline.report.terminal import write_text
from pipeline.report.transfer import show_transfer
from pipeline.steps.graph import Graph
from pipeline.steps.wish import NONE, Wish
from pipeline.text.line import plain_text

_INTERRUPTED = 130

_OPTION_REPAIR = {
    "name": "repair",
    "short": "",
    "long": "repair",
    "type": bool,
    "default": False,
    "help": "remove what is damaged, so that the next run makes it again",
}


class Check(ZooCommand, DoitCmdBase):  # type: ignore[misc]  # doit has no types
    """Compare the zoo's files with their digests."""

    name = "check"
    doc_purpose = PURPOSES[name]
    doc_usage = ""
    doc_description = (
        "A run looks at sizes only. This reads every file of .zoo/, of the cache and of dist/. "
        "Exit code 0: all is as it was made; 1: something is damaged, and is named."
    )
    cmd_options = (_OPTION_REPAIR,)

    def wish(self, _params: Any, _args: Any) -> Wish:
        """Return that it needs no task of a model."""
        return NONE

    def _execute(self, repair: bool) -> int:  # noqa: FBT001  # doit calls it
        graph: Graph = self.loader.namespace["GRAPH"]
        # The collector is off since the graph was loaded, which suits short commands only.
        gc.enable()
        try:
            with zoo_lock(graph):
                return _check(graph, repair=repair)
        except KeyboardInterrupt:
            write_text(sys.stderr, "check: interrupted\n")
            return _INTERRUPTED


def _check(graph: Graph, *, repair: bool) -> int:
    with show_transfer("check") as progress:
        audit = audit_zoo(graph, progress)
    lines = format_audit(audit, output=graph.layout.output)
    faults = forget(audit.damages) if repair else []
    if audit.damages:
        lines += format_repaired(audit, faults) if repair else format_advice(audit)
    write_text(sys.stdout, plain_text(lines))
    return int(bool(faults or (audit.damages and not repair)))
