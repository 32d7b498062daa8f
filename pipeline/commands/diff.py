"""`doit diff`: compares the built zoo with the published one, and explains the changes.

The exit code is 0; 1 if `--fail-on` names a kind of change that is there, or a catalog cannot be
read; 3 if the command line is wrong.
"""

import functools
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from doit.cmd_base import DoitCmdBase
from doit.exceptions import InvalidCommand

from pipeline.commands.arguments import options_first, restore_arguments
from pipeline.commands.options import ZooCommand
from pipeline.commands.purposes import PURPOSES
from pipeline.disk.canonical import format_json
from pipeline.errors import PipelineError
from pipeline.report.terminal import open_screen, write_text
from pipeline.steps.graph import Graph

_OPTION_MARKDOWN = {
    "name": "as_markdown",
    "short": "",
    "long": "markdown",
    "type": bool,
    "default": False,
    "help": "print Markdown, for a pull request or a chat",
}
_OPTION_JSON = {
    "name": "as_json",
    "short": "",
    "long": "json",
    "type": bool,
    "default": False,
    "help": "print a JSON object; python -m pydoc pipeline.diff.json_document documents its keys",
}
OPTION_FAIL_ON = {
    "name": "fail_on",
    "short": "",
    "long": "fail-on",
    "type": str,
    "default": "",
    "metavar": "MARKS",
    "help": "exit with 1 when there is one of these: breaking, regression (with a comma, both)",
}
_FATAL = ("breaking", "regression")


class Diff(ZooCommand, DoitCmdBase):  # type: ignore[misc]  # doit has no types
    """Compare the built zoo with the published one."""

    name = "diff"
    doc_purpose = PURPOSES[name]
    doc_usage = "[FOLDER|URL|models.json]"
    doc_description = (
        "Without an argument, against what is where models.yaml publishes to: "
        "zoo: {publish: {to: TARGET}}. Breaking is what makes code that uses a model change: "
        "names, roles, shapes, dtypes, what is no longer offered. A regression is less, or worse, "
        "than before."
    )
    cmd_options = (_OPTION_MARKDOWN, _OPTION_JSON, OPTION_FAIL_ON)

    def parse_execute(self, in_args: Sequence[str]) -> Any:
        """Accept options after the argument, and "=" in it."""
        given = restore_arguments(self.name, in_args, sys.argv)
        return super().parse_execute(options_first(given, with_value={"--fail-on"}))

    def execute(self, params: Mapping[str, Any], args: Sequence[str]) -> int:
        """Compare, print, and return the exit code."""
        if len(args) > 1:
            raise InvalidCommand(f"diff: expected one zoo to compare with, found {' '.join(args)}")
        if params["as_json"] and params["as_markdown"]:
            raise InvalidCommand("diff: --json and --markdown exclude each other")
        fatal = parse_marks(params["fail_on"])
        self.loader.setup(params)
        try:
            return self._compare(self.loader.namespace["GRAPH"], params, args, fatal)
        except PipelineError as error:
            write_text(sys.stderr, f"diff: {error.describe()}\n")
            return 1

    def _compare(
        self, graph: Graph, params: Mapping[str, Any], args: Sequence[str], fatal: Sequence[str]
    ) -> int:
        # Imported here because it loads pydantic's types of the catalog.
        from pipeline.diff.baseline import (
            read_baseline,
            read_build,
            read_published,
        )
        from pipeline.diff.causes import explain_difference
        from pipeline.diff.compare import compare_catalogs
        from pipeline.diff.recipe_store import find_recipes

        before = read_baseline(graph, args[0]) if args else read_published(graph)
        if before is None:
            raise InvalidCommand(
                "diff: found no zoo to compare with; expected a folder, a URL or a models.json as "
                "the argument, or zoo: {publish: {to: TARGET}} in models.yaml"
            )
        after = read_build(graph)
        recipes = functools.partial(find_recipes, graph, before, after)
        difference = compare_catalogs(before, after)
        difference = explain_difference(difference, before, after, recipes)
        _show(difference, params)
        marks = {mark for model in difference.models for mark in model.marks}
        return int(bool(marks & set(fatal)))


def parse_marks(text: str) -> list[str]:
    """Return the marks of `--fail-on`: ["breaking", "regression"] of "breaking, regression".

    Raises:
        InvalidCommand: There is no such mark.
    """
    marks = [mark.strip() for mark in text.split(",") if mark.strip()]
    for mark in marks:
        if mark not in _FATAL:
            raise InvalidCommand(f"--fail-on {text}: expected breaking, regression or both")
    return marks


def _show(difference: Any, params: Mapping[str, Any]) -> None:
    from pipeline.diff.diff_view import format_difference
    from pipeline.diff.json_document import to_json
    from pipeline.diff.markdown_document import format_markdown

    if params["as_json"]:
        write_text(sys.stdout, format_json(to_json(difference)).decode())
    elif params["as_markdown"]:
        write_text(sys.stdout, format_markdown(difference))
    else:
        screen = open_screen(sys.stdout, os.environ)
        screen.show(format_difference(difference, width=screen.width))
        screen.close()
