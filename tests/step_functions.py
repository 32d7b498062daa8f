"""Functions of steps, for tests: what a step can do to the core that runs it."""

from pipeline.errors import ConversionError, NetworkError
from pipeline.steps.step import StepSkipped, Work

calls: list[str] = []


def write(work: Work) -> None:
    """Write one file that says what was read."""
    calls.append(work.task)
    read = [(folder / "out.txt").read_text() for folder in work.inputs.values()]
    (work.folder / "out.txt").write_text(" ".join([*read, str(work.parameters["text"])]))
    work.uses("numpy")


def fail(work: Work) -> None:
    """Fail as the same ingredients always will, leaving half a result."""
    calls.append(work.task)
    (work.folder / "half.bin").write_bytes(b"half")
    raise ConversionError("unsupported op Foo", hint="leave Foo out")


def fail_for_now(work: Work) -> None:
    """Fail as a network does."""
    calls.append(work.task)
    raise NetworkError("no route to host")


def crash(work: Work) -> None:
    """Raise what is a bug of ours."""
    calls.append(work.task)
    raise KeyError("missing")


def skip(work: Work) -> None:
    """Have nothing to make."""
    calls.append(work.task)
    raise StepSkipped("not smaller")
