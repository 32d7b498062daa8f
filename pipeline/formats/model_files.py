"""The files of a model, as far as its format is recognized from them.

The names in a folder, the first bytes of a file and the content of a .json are read once, when
the first format asks for them. No model is loaded.
"""

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pipeline.disk.json_value import decode_json

_HEAD_BYTES = 64


@dataclass(frozen=True, kw_only=True)
class ModelFiles:
    """A file or folder that may be a model.

    Attributes:
        path: Where it is.
    """

    path: Path

    @cached_property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return self.path.is_dir()

    @cached_property
    def names(self) -> frozenset[str]:
        """The names of the files in a folder; none for a file."""
        if not self.is_folder:
            return frozenset()
        with os.scandir(self.path) as entries:
            return frozenset(entry.name for entry in entries if entry.is_file())

    @cached_property
    def head(self) -> bytes:
        """The first bytes of a file; none for a folder. A file's name may lie, these do not."""
        if self.is_folder:
            return b""
        with self.path.open("rb") as file:
            return file.read(_HEAD_BYTES)

    @cached_property
    def size(self) -> int:
        """The bytes of a file; 0 for a folder."""
        return 0 if self.is_folder else self.path.stat().st_size

    @cached_property
    def json(self) -> Any:
        """The decoded content of a .json; None for any other file and for a folder.

        Raises:
            FormatError: It is no JSON.
        """
        if self.is_folder or self.path.suffix != ".json":
            return None
        # Values that no model has are refused by the module that reads the model.
        return decode_json(self.path.read_bytes(), self.path.name).value
