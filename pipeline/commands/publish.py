"""`doit publish`: copies the built zoo to its target, and reads it back from there.

The exit code is 0 on success, 1 if the target failed or the files read back differ from those
published, 3 if the command line is wrong, 130 after an interruption.
"""

import gc
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from doit.cmd_base import DoitCmdBase
from doit.exceptions import InvalidCommand

from pipeline.catalog.document import CATALOG_FILE
from pipeline.commands.arguments import restore_arguments
from pipeline.commands.diff import parse_marks
from pipeline.commands.locked import zoo_lock
from pipeline.commands.options import ZooCommand
from pipeline.commands.publish_options import MANIFEST, OPTIONS, PREVIOUS, arrange_arguments
from pipeline.commands.purposes import PURPOSES
from pipeline.disk.machine_faults import machine_error
from pipeline.errors import PipelineError, PublishError
from pipeline.publish.cors import describe_cors
from pipeline.publish.dist_contents import DistContents, load_dist_contents
from pipeline.publish.generations.generation import PublishedFile
from pipeline.publish.generations.old_generations import prune_target
from pipeline.publish.generations.state import load_index
from pipeline.publish.host_limits import find_excesses, is_github_pages
from pipeline.publish.publish import Published, Publisher
from pipeline.publish.publish_view import (
    format_generations,
    format_pruned,
    format_published,
    format_read_back,
    format_rolled_back,
    format_unchanged,
)
from pipeline.publish.published_pages import choose_render
from pipeline.publish.targets.folder_target import FolderTarget
from pipeline.publish.targets.target import Target, open_target
from pipeline.report.terminal import write_text
from pipeline.report.transfer import show_transfer
from pipeline.steps.dist import load_placed
from pipeline.steps.graph import Graph
from pipeline.text.line import Line, plain_text

_INTERRUPTED = 130
_NOT_PUBLIC = (
    "the bucket is not public: let everyone read its objects, or give the address of a server "
    "that does (--url); docs/publishing.md has the settings of each store"
)
_NO_URL = "--check: expected a URL, here or as zoo: publish: url:"


@dataclass(frozen=True, kw_only=True)
class _Destination:
    """Where to publish.

    Attributes:
        text: As it was written.
        place: The place.
        url: Where it is read over HTTP; None where that is not known.
    """

    text: str
    target: Target
    url: str | None


class Publish(ZooCommand, DoitCmdBase):  # type: ignore[misc]  # doit has no types
    """Publish the built zoo."""

    name = "publish"
    doc_purpose = PURPOSES[name]
    doc_usage = "[TARGET]"
    doc_description = (
        "TARGET is a folder or the URL of a store (s3://bucket/zoo); models.yaml can name it: "
        "zoo: {publish: {to: TARGET, url: URL}}. docs/publishing.md has more."
    )
    cmd_options = OPTIONS

    def parse_execute(self, in_args: Sequence[str]) -> Any:
        """Accept options after the target, and "=" in it."""
        given = restore_arguments(self.name, in_args, sys.argv)
        return super().parse_execute(arrange_arguments(given))

    def execute(self, params: Mapping[str, Any], args: Sequence[str]) -> int:
        """Publish, or do what an option requests instead."""
        if len(args) > 1:
            raise InvalidCommand(f"publish: expected one target, found {' '.join(args)}")
        if params["keep_days"] < 0:
            raise InvalidCommand("--keep-days takes a number of days, 0 or more")
        try:
            if params["check"] not in {"", MANIFEST}:
                return self._read_back(params["check"], None, None)
            self.loader.setup(params)
            # The collector is off since the graph was loaded, which suits short commands only.
            gc.freeze()
            gc.enable()
            return self._run(self.loader.namespace["GRAPH"], params, args)
        except PipelineError as error:
            write_text(sys.stderr, f"publish: {error.describe()}\n")
            return 1
        except OSError as error:
            write_text(sys.stderr, f"publish: {machine_error(error).describe()}\n")
            return 1
        except KeyboardInterrupt:
            write_text(sys.stderr, "publish: interrupted; run it again: it goes on from here\n")
            return _INTERRUPTED

    def _run(self, graph: Graph, params: Mapping[str, Any], args: Sequence[str]) -> int:
        if params["check"] and not (args or params["url"] or graph.zoo.publish):
            raise InvalidCommand(_NO_URL)
        if params["check"] and not (args or graph.zoo.publish):
            return self._read_back(params["url"], None, None)
        destination = _find_target(graph, args[0] if args else None, params["url"])
        if params["check"]:
            if destination.url is None:
                raise InvalidCommand(_NO_URL)
            return self._read_back(destination.url, None, destination.text)
        if params["generations"]:
            self._show(
                format_generations(load_index(destination.target), target=destination.target.shown)
            )
            return 0
        if params["rollback"]:
            return self._roll_back(destination, params)
        with zoo_lock(graph):
            done = self._publish(graph, destination, params)
        if params["prune"]:
            pruned = prune_target(
                destination.target,
                keep_days=params["keep_days"],
                dry_run=params["dry_run"],
                notify=_notify,
            )
            shown = destination.target.shown
            self._show(format_pruned(pruned, target=shown, dry_run=params["dry_run"]))
        return 0 if params["dry_run"] else self._look(destination, done, params)

    def _publish(
        self, graph: Graph, destination: _Destination, params: Mapping[str, Any]
    ) -> Published:
        placed = load_placed(graph.layout.dist_state)
        contents = load_dist_contents(graph.layout.dist, placed)
        self._announce(graph, destination, parse_marks(params["fail_on"]))
        render = choose_render(graph, placed, notify=_notify)
        shown = destination.target.shown
        with show_transfer(f"publish to {shown}") as progress:
            publisher = Publisher(target=destination.target, notify=_notify, progress=progress)
            act = publisher.preview if params["dry_run"] else publisher.publish
            done = act(contents, render=render, again=params["again"])
        if done.plan.is_empty and done.before is not None:
            self._show(format_unchanged(done, target=shown))
        else:
            self._show(format_published(done, target=shown, dry_run=params["dry_run"]))
        self._warn(destination, contents)
        return done

    def _announce(self, graph: Graph, destination: _Destination, fatal: Sequence[str]) -> None:
        """Print how the build differs from what is published there, before anything is written.

        Raises:
            PublishError: It has a mark of `--fail-on`, or what is published cannot be read.
        """
        # Imported here because they load pydantic's types of the catalog.
        from pipeline.diff.baseline import read_built_text, show_build
        from pipeline.diff.catalog_reader import parse_pair
        from pipeline.diff.compare import compare_catalogs
        from pipeline.diff.diff_view import format_counts

        content = destination.target.read(CATALOG_FILE)
        if content is None:
            return
        built = read_built_text(graph)
        if built == content:
            return
        names = (destination.target.shown, show_build(graph))
        try:
            before, after = parse_pair(content, built, shown=names)
        except PipelineError as error:
            if fatal:
                raise
            _notify(f"what changes is not known: {error.message}")
            return
        difference = compare_catalogs(before, after)
        if difference.models:
            self._show(format_counts(difference))
        marks = {mark for model in difference.models for mark in model.marks}
        if found := sorted(marks & set(fatal)):
            raise PublishError(
                f"nothing was published: there is a {' and a '.join(found)} change (--fail-on)",
                hint=f"`tfjs-zoo diff {destination.target.shown}` tells each change, and why",
            )

    def _roll_back(self, destination: _Destination, params: Mapping[str, Any]) -> int:
        if params["dry_run"] or params["prune"]:
            raise InvalidCommand("--rollback goes with neither --dry-run nor --prune")
        number = None if params["rollback"] == PREVIOUS else _parse_number(params["rollback"])
        with show_transfer(f"roll back {destination.target.shown}") as progress:
            publisher = Publisher(target=destination.target, notify=_notify, progress=progress)
            done = publisher.roll_back(number)
        self._show(format_rolled_back(done, target=destination.target.shown))
        return self._look(destination, done, params)

    def _warn(self, destination: _Destination, contents: DistContents) -> None:
        """Warn of files and sizes that GitHub Pages would refuse, if it may serve the target."""
        if not isinstance(destination.target, FolderTarget) and not is_github_pages(
            destination.url
        ):
            return
        sizes = {path: file.bytes for path, file in contents.files.items()}
        for excess in find_excesses({**sizes, **destination.target.find()}):
            self._show([((f"warning: {excess}", "warn"),)])

    def _look(self, destination: _Destination, done: Published, params: Mapping[str, Any]) -> int:
        """Read the published zoo back, if its URL is known."""
        if params["no_read_back"]:
            return 0
        if destination.url is not None:
            return self._read_back(destination.url, done.shown.files, destination.text)
        self._show([(("not read back: the readers' address (--url) is not known", "dim"),)])
        if done.before is None and not isinstance(destination.target, FolderTarget):
            self._show([(("for pages elsewhere to read it (CORS):", ""),)])
            write_text(sys.stdout, describe_cors(destination.text) + "\n")
        return 0

    def _read_back(
        self, url: str, files: Mapping[str, PublishedFile] | None, destination: str | None
    ) -> int:
        # Imported here because it loads the HTTP library.
        from pipeline.fetch.http.http_session import HttpSettings
        from pipeline.publish.readback import Reader

        with show_transfer(f"read back {url}") as progress:
            settings = HttpSettings(attempts=3, hint=_NOT_PUBLIC)
            done = Reader(url, settings=settings, progress=progress).read_back(files)
        self._show(format_read_back(done))
        # What a server refuses, or does not answer, is not mended by another upload.
        kinds = {finding.kind for finding in done.faults if finding.hint is None}
        if "cors" in kinds:
            write_text(
                sys.stdout, f"for pages elsewhere to read it: {describe_cors(destination)}\n"
            )
        if kinds & {"content", "missing"}:
            write_text(sys.stdout, "`tfjs-zoo publish --again` uploads every file anew\n")
        return int(bool(done.faults))

    def _show(self, lines: Iterable[Line]) -> None:
        write_text(sys.stdout, plain_text(lines))


def _find_target(graph: Graph, text: str | None, url: str) -> _Destination:
    """Return the destination: that of the command line, else that of the manifest."""
    stated = graph.zoo.publish
    if text is None and stated is None:
        raise InvalidCommand(
            "publish: found no target; expected a folder or a URL such as s3://bucket/zoo as the "
            "argument, or zoo: {publish: {to: TARGET}} in models.yaml"
        )
    chosen = text or (stated.to if stated else "")
    own = stated if stated is not None and chosen == stated.to else None
    target = open_target(
        chosen,
        root=graph.layout.root,
        output=graph.layout.dist,
        endpoint=own.endpoint if own else None,
    )
    return _Destination(text=chosen, target=target, url=url or (own.url if own else None) or None)


def _parse_number(text: str) -> int:
    if not text.isdigit():
        raise InvalidCommand(f"--rollback {text}: expected the number of a generation")
    return int(text)


def _notify(text: str) -> None:
    write_text(sys.stderr, f"{text}\n")
