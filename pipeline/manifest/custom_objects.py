"""Reads the files of `custom_objects:`."""

from collections.abc import Iterable
from pathlib import Path

from pipeline.disk.machine_faults import OF_NO_MODEL
from pipeline.errors import FormatError

_LARGEST_BYTES = 2**20


def load_custom_objects(paths: Iterable[str], root: Path) -> dict[str, str] | None:
    """Return the text of each file by its path, None for no file: `{"layers.py": "import …"}`.

    Args:
        paths: Paths relative to the manifest.
        root: Folder of the manifest.

    Raises:
        FormatError: A file is missing, too large, or no text.
    """
    return {path: _read(root / path, path) for path in paths} or None


def name_files(paths: Iterable[str]) -> dict[str, str]:
    """Return paths by the names of inputs: `{"custom_objects layers.py": "layers.py"}`."""
    return {f"custom_objects {path}": path for path in paths}


def _read(file: Path, path: str) -> str:
    try:
        content = file.read_bytes()
        if len(content) > _LARGEST_BYTES:
            raise FormatError(f"custom_objects: {path} is larger than 1 MiB; expected Python code")
        return content.decode()
    except OSError as error:
        if error.errno in OF_NO_MODEL:
            raise
        reason = str(error.strerror)
    except UnicodeDecodeError:
        reason = "it is no UTF-8 text"
    raise FormatError(
        f"custom_objects: {path}: {reason}; expected a file with Python code",
        hint="its path is relative to models.yaml",
    )
