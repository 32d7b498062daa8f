"""`doit init`: writes a commented models.yaml to start from, and a workflow for GitHub Pages."""

import sys
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from doit.exceptions import InvalidCommand

from pipeline.commands.options import ZooCommand
from pipeline.commands.purposes import PURPOSES
from pipeline.disk.versions import installed_version
from pipeline.steps.graph import MANIFEST

SCHEMA = "models.yaml.schema.json"
WORKFLOW = ".github/workflows/zoo.yml"
IGNORED = ".gitignore"
_NOT_FOR_GIT = ".zoo/\ndist/\n"
_OPTION_GITHUB = {
    "name": "github",
    "short": "",
    "long": "github",
    "type": bool,
    "default": False,
    "help": f"write {WORKFLOW} too, which builds the zoo on GitHub and shows it on GitHub Pages",
}


class Init(ZooCommand):
    """Start a zoo."""

    name = "init"
    doc_purpose = PURPOSES[name]
    doc_usage = "[FOLDER]"
    cmd_options = (_OPTION_GITHUB,)

    def execute(self, options: Mapping[str, Any], args: list[str]) -> int:
        """Write the manifest and its schema, and a workflow; no file that is there is replaced."""
        if len(args) > 1:
            raise InvalidCommand(f"init: found {' '.join(args)}; expected one folder, or none")
        folder = Path(args[0] if args else self.opt_vals.get("cwdPath") or ".")
        manifest = folder / MANIFEST
        is_new = not manifest.exists()
        if not is_new and not options["github"]:
            raise InvalidCommand(f"init: {manifest} is there already, and stays as it is")
        if options["github"] and (folder / WORKFLOW).exists():
            raise InvalidCommand(f"init: {folder / WORKFLOW} is there already, and stays as it is")
        folder.mkdir(parents=True, exist_ok=True)
        if is_new:
            _write_manifest(folder)
        if options["github"]:
            _write_workflow(folder)
        return 0


def _write_manifest(folder: Path) -> None:
    schema = files("pipeline.manifest").joinpath("models.schema.json").read_text("utf-8")
    (folder / SCHEMA).write_text(schema, encoding="utf-8")
    (folder / MANIFEST).write_text(_read("models.yaml.template"), encoding="utf-8")
    sys.stdout.write(f"wrote {folder / MANIFEST} and {folder / SCHEMA} (for editors)\n")
    sys.stdout.write(
        f"next: run tfjs-zoo in its folder; `tfjs-zoo add SOURCE` adds a model to {MANIFEST}\n"
    )


def _write_workflow(folder: Path) -> None:
    path = folder / WORKFLOW
    path.parent.mkdir(parents=True, exist_ok=True)
    text = _read("pages.yml.template").replace("VERSION", installed_version("tfjs-zoo") or "0")
    path.write_text(text, encoding="utf-8")
    ignored = folder / IGNORED
    if not ignored.exists():
        ignored.write_text(_NOT_FOR_GIT, encoding="utf-8")
    sys.stdout.write(
        f"wrote {path}; push it, and choose once: Settings, Pages, Source: GitHub Actions\n"
    )


def _read(name: str) -> str:
    return files("pipeline.commands").joinpath(name).read_text("utf-8")
