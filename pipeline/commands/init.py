"""`doit init`: writes a commented models.yaml to start from."""

import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

from doit.exceptions import InvalidCommand

from pipeline.commands.options import ZooCommand
from pipeline.steps.graph import MANIFEST

SCHEMA = "models.yaml.schema.json"


class Init(ZooCommand):
    """Start a zoo."""

    name = "init"
    doc_purpose = "write a commented models.yaml to start a zoo from"
    doc_usage = "[FOLDER]"

    def execute(self, _options: Any, args: list[str]) -> int:
        """Write the manifest and its schema, but never over an existing manifest."""
        if len(args) > 1:
            raise InvalidCommand(f"init: found {' '.join(args)}; expected one folder, or none")
        folder = Path(args[0] if args else self.opt_vals.get("cwdPath") or ".")
        manifest = folder / MANIFEST
        if manifest.exists():
            raise InvalidCommand(f"init: {manifest} is there already, and stays as it is")
        folder.mkdir(parents=True, exist_ok=True)
        schema = files("pipeline.manifest").joinpath("models.schema.json").read_text("utf-8")
        (folder / SCHEMA).write_text(schema, encoding="utf-8")
        template = files("pipeline.commands").joinpath("models.yaml.template").read_text("utf-8")
        manifest.write_text(template, encoding="utf-8")
        sys.stdout.write(f"wrote {manifest} and {folder / SCHEMA} (for editors)\n")
        sys.stdout.write(f"next: edit {manifest}, then run tfjs-zoo in its folder\n")
        return 0
