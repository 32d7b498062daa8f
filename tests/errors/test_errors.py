"""The tree of errors: its drawing, its only home, and what crosses from a child process."""

import ast
import inspect
from collections.abc import Iterator

from paths import ROOT

from pipeline import errors
from pipeline.errors import ManifestError, NotFoundError, PipelineError

KINDS = {
    name: kind
    for name, kind in vars(errors).items()
    if inspect.isclass(kind) and issubclass(kind, PipelineError)
}


def walk(kind: type[PipelineError] = PipelineError, depth: int = 0) -> Iterator[tuple[int, str]]:
    """Yield depth and name of each class as the code has them, those to be retried with a star."""
    yield depth, f"{kind.__name__}*" if kind.retry else kind.__name__
    for derived in KINDS.values():
        if derived.__bases__ == (kind,):
            yield from walk(derived, depth + 1)


def drawn() -> Iterator[tuple[int, str]]:
    """Yield depth and name of each class as the module's docstring draws them."""
    for line in inspect.getdoc(errors).splitlines():  # type: ignore[union-attr]  # it has one
        before, branch, after = line.partition("── ")
        if branch:
            yield (len(before) - 1) // 4, after.split()[0]
        elif line.strip() == "PipelineError":
            yield 0, "PipelineError"


def test_the_drawing_is_the_tree() -> None:
    assert list(drawn()) == list(walk())


def test_no_other_module_defines_one() -> None:
    found = {
        f"{path.relative_to(ROOT)}: {node.name}"
        for path in (ROOT / "pipeline").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
        and {ast.unparse(base).rpartition(".")[2] for base in node.bases} & KINDS.keys()
    }

    assert found == {f"pipeline/errors.py: {name}" for name in KINDS} - {
        "pipeline/errors.py: PipelineError"
    }


def test_message_and_hint_are_made_printable() -> None:
    error = ManifestError("a\x1b[2Jb", hint="c\x07")

    assert error.describe() == "a\\u001b[2Jb\n  c\\u0007"


def test_an_error_without_a_hint_is_its_message() -> None:
    assert NotFoundError("404").describe() == str(NotFoundError("404")) == "404"
