"""The zoo's lock for commands: a refusal is a message and not a traceback."""

import contextlib
from collections.abc import Iterator

from doit.exceptions import InvalidCommand

from pipeline.disk.lock import hold_lock
from pipeline.errors import PipelineError
from pipeline.steps.graph import Graph


@contextlib.contextmanager
def zoo_lock(graph: Graph) -> Iterator[None]:
    """Hold the lock of a zoo while the block runs.

    Raises:
        InvalidCommand: Another process holds it, or the folder cannot be written.
    """
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(hold_lock(graph.layout.lock))
        except PipelineError as error:
            raise InvalidCommand(error.describe()) from None
        yield
