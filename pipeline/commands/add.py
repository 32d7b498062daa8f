"""`doit add`: describes models and writes an entry for each into models.yaml.

The exit code is 0 if all models were added, 1 if at least one was not, 3 if the command line is
wrong.
"""

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from doit.exceptions import InvalidCommand

from pipeline.commands.arguments import options_first, restore_arguments
from pipeline.commands.manifest_file import append_models, list_sources
from pipeline.commands.options import ZooCommand
from pipeline.commands.purposes import PURPOSES
from pipeline.commands.sources import parse_argument
from pipeline.disk.files import write_atomic
from pipeline.disk.layout import cache_folder
from pipeline.errors import FormatError, PipelineError
from pipeline.fetch.address.source_type import Source
from pipeline.inspection.description import Description
from pipeline.inspection.entry import FoundLabels, count_classes, format_added, write_entry
from pipeline.inspection.inspect import CATALOG, COLLECTION, inspect_subject
from pipeline.inspection.package_facts import find_labels, read_package
from pipeline.inspection.subject import open_subject
from pipeline.manifest.converter.manifest_lines import ImportedModel
from pipeline.report.terminal import stream_is_terminal, write_text
from pipeline.report.transfer import show_transfer
from pipeline.steps.graph import MANIFEST
from pipeline.text.suggest import list_first

_OPTION_NAME = {
    "name": "as_name",
    "short": "",
    "long": "name",
    "type": str,
    "default": "",
    "help": "name of the model; by default it is made of the source's path",
}
_OPTION_ALL = {
    "name": "every",
    "short": "",
    "long": "all",
    "type": bool,
    "default": False,
    "help": "add every model of a package, archive or folder that holds several",
}
_OPTION_PRINT = {
    "name": "dry",
    "short": "",
    "long": "print",
    "type": bool,
    "default": False,
    "help": "print the entries, and leave models.yaml as it is",
}
_MOST_INLINE = 20
_NUM_LISTED = 12


@dataclass(frozen=True, kw_only=True)
class _Place:
    """Where a command works: the folder of models.yaml, and the cache of downloads."""

    root: Path
    cache: Path


class Add(ZooCommand):
    """Add models to the manifest."""

    name = "add"
    doc_purpose = PURPOSES[name]
    doc_usage = "PATH|SOURCE ..."
    doc_description = (
        "Takes what `inspect` takes; a package of npm or PyPI without a version is taken in its "
        "newest. What the files state becomes a field, what is only likely a comment. The rest of "
        "models.yaml stays as it is."
    )
    cmd_options = (_OPTION_NAME, _OPTION_ALL, _OPTION_PRINT)

    def parse_execute(self, in_args: Sequence[str]) -> Any:
        """Accept options after the arguments, and "=" in the arguments."""
        given = restore_arguments(self.name, in_args, sys.argv)
        return super().parse_execute(options_first(given, with_value={"--name"}))

    def execute(self, options: Mapping[str, Any], args: Sequence[str]) -> int:
        """Add the models that can be read, and say why others cannot."""
        if not args or (options["as_name"] and len(args) > 1):
            raise InvalidCommand("add: expected a path or a source, and with --name only one")
        root = Path(self.opt_vals.get("cwdPath") or ".")
        place = _Place(root=root, cache=cache_folder(os.environ))
        listed = list_sources(root / MANIFEST)
        taken = set(listed)
        models: list[ImportedModel] = []
        failed = False
        for text in args:
            try:
                found = _add(text, place, taken, every=options["every"])
                _refuse_listed(found, listed)
            except PipelineError as error:
                failed = True
                sys.stderr.write(f"not added: {text}\n  {error.describe()}\n")
            else:
                models += found
        if options["as_name"] and models:
            models[0].fields["name"] = options["as_name"]
        entries = [format_added(model) for model in models]
        if options["dry"] or not entries:
            sys.stdout.write("\n".join(entries))
        else:
            append_models(root / MANIFEST, entries)
            sys.stdout.write("\n".join(entries))
            names = " ".join(str(model.fields["name"]) for model in models)
            sys.stdout.write(f"\nadded to {MANIFEST}; next: tfjs-zoo {names}\n")
        return int(failed)


def _refuse_listed(found: Sequence[ImportedModel], listed: Mapping[str, str]) -> None:
    """Raise if a model is in the manifest already."""
    for model in found:
        for name, source in listed.items():
            if model.fields["source"] == source:
                raise FormatError(f"{source} is in {MANIFEST} already, as {name}")


def _add(text: str, place: _Place, taken: set[str], *, every: bool) -> list[ImportedModel]:
    """Return the entry of a model; of a collection those of its models, if all are wanted.

    Raises:
        PipelineError: It cannot be read, or it is several models and one has to be chosen.
    """
    source, written = parse_argument(text, root=place.root, cache=place.cache)
    model = _inspect(source, place)
    if model.format == CATALOG:
        raise FormatError("a catalog of a zoo; add one of its models, by the path of a model.json")
    if model.format == COLLECTION:
        inside = [each for each in model.inside or () if each.format is not None]
        if len(inside) > 1 and not every:
            raise FormatError(
                f"it holds {len(inside)} models: "
                f"{list_first([each.path for each in inside], _NUM_LISTED)}",
                hint=f"add one of them, such as {inside[0].source}, or all with --all",
            )
        return [found for each in inside for found in _add(each.source, place, taken, every=False)]
    if not model.supported:
        raise FormatError("; ".join(model.remarks))
    facts = read_package(source, root=place.root, cache=place.cache)
    entry = write_entry(
        source, written, model, facts, _find_labels(source, model, place), taken=taken
    )
    entry = _keep_labels(entry, place.root)
    taken.add(entry.fields["name"])
    return [entry]


def _inspect(source: Source, place: _Place) -> Description:
    with (
        show_transfer(source.uri) as progress,
        open_subject(source, root=place.root, cache=place.cache, progress=progress) as subject,
    ):
        return inspect_subject(subject, shapes={}, announce=_announce)


def _find_labels(source: Source, model: Description, place: _Place) -> FoundLabels | None:
    found = find_labels(source, count_classes(model), root=place.root, cache=place.cache)
    if found is None:
        return None
    where, names = found
    is_list = where.endswith(".txt") and not source.archive and _is_plain(place.root / where, names)
    return FoundLabels(file=where if is_list else None, names=names, where=where)


def _is_plain(file: Path, names: Iterable[str]) -> bool:
    """Return whether the lines of a file are the names."""
    return file.read_text("utf-8-sig").split("\n") in ([*names], [*names, ""])


def _keep_labels(entry: ImportedModel, root: Path) -> ImportedModel:
    """Return an entry whose long list of labels is a file beside models.yaml."""
    labels = entry.fields.get("labels")
    if not isinstance(labels, list) or len(labels) <= _MOST_INLINE:
        return entry
    path = f"labels/{entry.fields['name']}.txt"
    (root / "labels").mkdir(exist_ok=True)
    write_atomic(root / path, "".join(f"{name}\n" for name in labels).encode())
    entry.fields["labels"] = path
    return entry


def _announce(text: str) -> None:
    if stream_is_terminal(sys.stderr):
        write_text(sys.stderr, f"{text} …\n")
