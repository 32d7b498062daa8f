"""`.zoo/dist.json`: the files that were put into dist/, and since when each has been unlisted.

It has a line for each model, as the projection has, with the digest of the lists that were placed.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.disk.canonical import format_json
from pipeline.disk.files import write_atomic
from pipeline.disk.line_object import join_fields, split_fields
from pipeline.disk.typed_json import InsidePath, WrongJsonError, parse_json
from pipeline.steps.projection import model_of_path


@dataclass(frozen=True, kw_only=True)
class Placed:
    """A file that was put into dist/.

    Attributes:
        sha256: Digest of its content when it was put there.
        bytes: Its size then.
        modified: Its time of change then, in nanoseconds.
        unlisted: When it was first unlisted, in seconds since 1970; None while it is listed.
    """

    sha256: str
    bytes: int
    modified: int
    unlisted: float | None = None


@dataclass(frozen=True, kw_only=True)
class PlacedFiles:
    """The files that were put into dist/ for one model.

    Attributes:
        projection: Digest of the lists in the projection, once all of their files were placed.
        files: The files by path.
    """

    projection: str
    files: dict[InsidePath, Placed]

    def format(self) -> bytes:
        """Return it as a line of JSON."""
        files = {path: vars(file) for path, file in self.files.items()}
        wire = {"projection": self.projection, "files": files}
        return format_json(wire, indent=None).rstrip(b"\n")


NOTHING = PlacedFiles(projection="", files={})


@dataclass(frozen=True, kw_only=True)
class PlacedList:
    """The files that were put into dist/.

    Attributes:
        lines: The JSON of `PlacedFiles` by model; "" for files that belong to no model.
    """

    lines: Mapping[str, bytes]

    def has(self, model: str, projection: str) -> bool:
        """Return whether the lists with a digest were placed; the files are not looked at."""
        # The keys of a line are sorted.
        return self.lines.get(model, b"").endswith(b'"projection":"%b"}' % projection.encode())

    def of(self, model: str) -> PlacedFiles:
        """Return the files of a model; none if its line is damaged."""
        try:
            return parse_json(PlacedFiles, self.lines[model]) if model in self.lines else NOTHING
        except WrongJsonError:
            return NOTHING

    def files(self) -> Iterator[tuple[str, Placed]]:
        """Iterate over the paths of all files, each with the file.

        Raises:
            WrongJsonError: A line is damaged.
        """
        for text in self.lines.values():
            yield from parse_json(PlacedFiles, text).files.items()


def load_placed_list(state_file: Path) -> PlacedList:
    """Read the list of files that were put into dist/; empty if it is lost.

    Raises:
        OSError: It is there and cannot be read.
    """
    try:
        return parse_placed_list(state_file.read_bytes())
    except (FileNotFoundError, WrongJsonError):
        return PlacedList(lines={})


def load_placed(state_file: Path) -> dict[str, Placed]:
    """Read the list of files that were put into dist/, by path; empty if it is lost.

    Raises:
        OSError: It is there and cannot be read.
    """
    try:
        return dict(load_placed_list(state_file).files())
    except WrongJsonError:
        return {}


def parse_placed_list(content: bytes) -> PlacedList:
    """Read the text of `dist.json`, also that of tfjs-zoo before it had lines.

    Raises:
        WrongJsonError: It is neither.
    """
    lines = split_fields(content)
    if lines is not None:
        return PlacedList(lines=lines)
    grouped: defaultdict[str, dict[InsidePath, Placed]] = defaultdict(dict)
    for path, was in parse_json(dict[InsidePath, Placed], content).items():
        grouped[model_of_path(path)][path] = was
    return PlacedList(
        lines={
            model: PlacedFiles(projection="", files=files).format()
            for model, files in grouped.items()
        }
    )


def write_placed_list(state_file: Path, placed: PlacedList) -> None:
    """Write the list of files that were put into dist/."""
    write_atomic(state_file, join_fields(placed.lines))
