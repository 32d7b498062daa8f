"""The projection: the list of the files that belong in dist/, with the place of each original.

The steps `catalog` and `site` write a part of it each, `projection.json`: a line for each model, so
that a line that stays as it is need not be read, and a line of the other files, with the key "".
The files of a model are those below `models/<model>/`.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from pipeline.disk.canonical import format_json
from pipeline.disk.files import digest_file
from pipeline.disk.line_object import join_fields, split_fields
from pipeline.errors import DamagedFileError

PROJECTION_FILE = "projection.json"
_MODELS = "models"
_NUM_PARTS = 3  # models/NAME/…


@dataclass(frozen=True, kw_only=True)
class Projected:
    """A file that belongs in dist/.

    Attributes:
        path: Relative to dist/.
        source: Path of the original, relative to `.zoo/`.
        bytes: Its size.
        sha256: Digest of its content.
    """

    path: str
    source: str
    bytes: int
    sha256: str


_FILES = TypeAdapter(list[Projected])


@dataclass(frozen=True, kw_only=True)
class Projection:
    """The files that belong in dist/.

    Attributes:
        lines: Lists of files as JSON, by the model below whose folder they lie; "" for the others.
    """

    lines: Mapping[str, tuple[bytes, ...]]

    def digest(self, model: str) -> str:
        """Return the SHA-256 of a model's lists: while it is the same, its files are."""
        return hashlib.sha256(b"\n".join(self.lines[model])).hexdigest()

    def files(self, model: str) -> list[Projected]:
        """Return the files of a model.

        Raises:
            DamagedFileError: A list is damaged.
        """
        found = [file for text in self.lines[model] for file in _parse_files(text)]
        for file in found:
            if model_of_path(file.path) != model:
                raise DamagedFileError(f"{PROJECTION_FILE}: {file.path} is listed under {model!r}")
        return found

    def __iter__(self) -> Iterator[Projected]:
        """Iterate over all files."""
        return (file for model in self.lines for file in self.files(model))


def model_of_path(path: str) -> str:
    """Return the model of a file of dist/: "m" of "models/m/index.html"; "" of "models.json"."""
    parts = path.split("/", _NUM_PARTS - 1)
    return parts[1] if len(parts) == _NUM_PARTS and parts[0] == _MODELS else ""


def list_file(path: Path, target: str, *, source: str) -> Projected:
    """Return a file of `.zoo/` as a file of dist/.

    Args:
        path: The file.
        target: Its path in dist/.
        source: Its path in `.zoo/`.
    """
    return Projected(
        path=target, source=source, bytes=path.stat().st_size, sha256=digest_file(path)
    )


def list_by_model(files: Iterable[Projected]) -> Projection:
    """Return files as a projection."""
    grouped: defaultdict[str, list[Projected]] = defaultdict(list)
    for file in files:
        grouped[model_of_path(file.path)].append(file)
    return Projection(lines={model: (format_files(some),) for model, some in grouped.items()})


def format_files(files: Iterable[Projected]) -> bytes:
    """Return a list of files as a line of JSON: '[{"bytes":3,"path":"models.json",…}]'."""
    return format_json([vars(file) for file in files], indent=None).rstrip(b"\n")


def save_projection(folder: Path, files: Iterable[Projected]) -> None:
    """Write the list of a step's files that belong in dist/."""
    write_lists(folder, {model: text for model, (text,) in list_by_model(files).lines.items()})


def write_lists(folder: Path, lists: Mapping[str, bytes]) -> None:
    """Write a step's part of the projection: a list of files as JSON for each model."""
    (folder / PROJECTION_FILE).write_bytes(join_fields(dict(sorted(lists.items()))))


def read_lists(file: Path) -> dict[str, bytes]:
    """Read a step's part of the projection: a list of files as JSON for each model.

    Raises:
        DamagedFileError: It is not what was written.
        OSError: It cannot be read.
    """
    lists = split_fields(file.read_bytes())
    if lists is None:
        raise DamagedFileError(f"{file.name}: is not what was written")
    return lists


def load_projection(paths: Iterable[Path]) -> Projection:
    """Read all parts of the projection; a missing part is empty.

    Raises:
        DamagedFileError: A part is damaged.
        OSError: A part cannot be read.
    """
    lines: defaultdict[str, tuple[bytes, ...]] = defaultdict(tuple)
    for path in filter(Path.exists, paths):
        for model, text in read_lists(path).items():
            lines[model] += (text,)
    return Projection(lines=dict(lines))


def _parse_files(text: bytes) -> list[Projected]:
    try:
        return _FILES.validate_json(text)
    except ValidationError as error:
        raise DamagedFileError(f"{PROJECTION_FILE}: {error.errors()[0]['msg']}") from None
