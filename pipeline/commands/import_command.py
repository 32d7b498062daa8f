"""`doit import-command`: makes entries of models.yaml from commands of tensorflowjs_converter.

The exit code is 0 if all commands could be imported, 1 if at least one could not, 3 if the
command line is wrong.
"""

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from doit.exceptions import InvalidCommand

from pipeline.commands.arguments import restore_arguments
from pipeline.commands.manifest_file import append_models, taken_names
from pipeline.commands.options import ZooCommand
from pipeline.commands.purposes import PURPOSES
from pipeline.errors import PipelineError
from pipeline.manifest.converter.manifest_lines import ImportedModel, format_entry, import_command
from pipeline.manifest.converter.shell import find_arguments, split_commands
from pipeline.steps.graph import MANIFEST

_OPTION_FILE = {
    "name": "file",
    "short": "",
    "long": "file",
    "type": str,
    "default": "",
    "help": "import every command of the converter in a script, notebook or text; - is stdin",
}
_OPTION_APPEND = {
    "name": "append",
    "short": "",
    "long": "append",
    "type": bool,
    "default": False,
    "help": "add the entries to models.yaml, which otherwise stays as it is",
}


class ImportCommand(ZooCommand):
    """Turn commands of the converter into entries of the manifest."""

    name = "import-command"
    doc_purpose = PURPOSES[name]
    doc_usage = "'tensorflowjs_converter --input_format … SOURCE DESTINATION' ..."
    doc_description = (
        "Prints what models.yaml says for the same. Where the converter would have made "
        "something else of the command than its author meant, a comment says so. "
        "docs/converter.md sets the converter's options beside ours."
    )
    cmd_options = (_OPTION_FILE, _OPTION_APPEND)

    def parse_execute(self, in_args: Sequence[str]) -> Any:
        """Leave the converter's own options unparsed, quoted or not."""
        given = restore_arguments(self.name, in_args, sys.argv)
        start = next((i for i, word in enumerate(given) if "tensorflowjs" in word), len(given))
        ours, theirs = given[:start], given[start:]
        while theirs and theirs[-1] == "--append":
            ours.append(theirs.pop())
        return super().parse_execute([*ours, "--", *theirs])

    def execute(self, options: Mapping[str, Any], args: Sequence[str]) -> int:
        """Print or add an entry for each command, and report those that cannot be imported."""
        root = Path(self.opt_vals.get("cwdPath") or ".")
        commands = [*_read_arguments(args), *_read_file(options["file"], root)]
        if not commands:
            raise InvalidCommand(
                "import-command: expected a command, such as "
                "'tensorflowjs_converter --input_format=keras m.h5 out'"
            )
        manifest = root / MANIFEST
        taken = taken_names(manifest)
        models: list[ImportedModel] = []
        failed = False
        for command in commands:
            try:
                models.append(import_command(command, taken=taken))
            except PipelineError as error:
                failed = True
                sys.stderr.write(f"not imported: {' '.join(command)}\n  {error.describe()}\n")
            else:
                taken.add(models[-1].fields["name"])
        entries = [format_entry(model) for model in models]
        if options["append"] and entries:
            append_models(manifest, entries)
            sys.stdout.write(
                f"added {len(entries)} to {MANIFEST}; `tfjs-zoo plan` lists the steps that will "
                "run\n"
            )
        else:
            sys.stdout.write("\n".join(entries))
        return int(failed)


def _read_arguments(args: Sequence[str]) -> Iterable[list[str]]:
    """Return the commands among the arguments, each quoted, or the words of a single command."""
    if not args:
        return []
    if any(" " in text and "tensorflowjs" in text for text in args):
        # A quoted command continues over line breaks; in a script each line is a command.
        return _split_all(" ".join(text.splitlines()) for text in args)
    found = find_arguments(args)
    return [] if found is None else [found]


def _read_file(name: str, root: Path) -> Iterable[list[str]]:
    if not name:
        return []
    if name == "-":
        return _split_all([sys.stdin.read()])
    try:
        text = (root / name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text in UTF-8"
        raise InvalidCommand(f"import-command: {name}: {reason}") from None
    return _split_all([text])


def _split_all(texts: Iterable[str]) -> list[list[str]]:
    try:
        return [command for text in texts for command in split_commands(text)]
    except ValueError as error:
        raise InvalidCommand(f"import-command: {error}") from None
