"""SavedModels converted twice: frozen from their files alone, and loaded.

    python both_freezes.py FOLDER…

prints for each folder the digests of the files of both conversions; those of the first are null
where the model had to be loaded.
"""

import contextlib
import hashlib
import json
import sys
import tempfile
from pathlib import Path
from unittest import mock

from pipeline.records.flags import ConversionFlags
from pipeline.tf.saved_model import convert_saved_model as module

Digests = dict[str, str]


def convert(source: Path, flags: ConversionFlags) -> Digests:
    """Return the digest of each file of a conversion."""
    with tempfile.TemporaryDirectory() as name:
        module.convert_saved_model(source=source, folder=Path(name), flags=flags)
        files = sorted(Path(name).iterdir())
        return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def convert_twice(source: Path, flags: ConversionFlags) -> tuple[Digests | None, Digests]:
    """Return the digests of a conversion without loading, and of one with loading."""
    with mock.patch.object(module, "freeze_signature", side_effect=NotImplementedError):
        try:
            direct = convert(source, flags)
        except NotImplementedError:
            direct = None
    with mock.patch.object(module, "freeze_directly", return_value=None):
        return direct, convert(source, flags)


def main() -> None:
    """Print the digests as JSON."""
    found = {}
    with contextlib.redirect_stdout(sys.stderr):
        for folder in map(Path, sys.argv[1:]):
            found[folder.name] = convert_twice(folder, ConversionFlags(trust=True))
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
