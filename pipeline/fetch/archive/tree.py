"""Trees: files on disk, in an archive or on a server, and the files of one model among them."""

import json
import posixpath
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol
from urllib.parse import unquote

from pipeline.disk.files import link_or_copy
from pipeline.errors import FetchError, MissingPathError, UntrustedSourceError
from pipeline.fetch.archive.content import HEAD_BYTES, check_head
from pipeline.fetch.archive.inner_paths import find_near, is_inner_path, name_file, shorten
from pipeline.formats.data_files import list_data_files
from pipeline.text.suggest import did_you_mean
from pipeline.tfjs.model.shard_paths import EXPECTED, is_near, place_files, split_up

MAX_FILES = 200_000
MAX_JSON_BYTES = 64 * 1024**2
_SAVED_MODEL = ("saved_model.pb", "saved_model.pbtxt")
MODEL_JSON = "model.json"


class Tree(Protocol):
    """Files under one root. Paths have "/" between their parts; "" is the root."""

    def is_file(self, path: str) -> bool:
        """Return whether the tree has a file of this path."""
        ...

    def is_folder(self, path: str) -> bool:
        """Return whether the tree has a folder of this path."""
        ...

    def list_below(self, folder: str) -> list[str]:
        """Return the paths of all files below a folder, sorted."""
        ...

    def list_near(self, path: str) -> Iterable[str]:
        """Return the paths that a misspelt path may stand for."""
        ...

    def read(self, path: str) -> bytes:
        """Return the content of a JSON file."""
        ...

    def copy(self, path: str, target: Path) -> None:
        """Put a file at `target`, in a folder that exists."""
        ...


class NamedTree:
    """A tree whose files are known by a list of names: that of an archive or of a server.

    Args:
        names: The name of each file in the archive, by its path in the tree.
        open_file: Opens a file by its name.
        copy_file: Puts a file, by its name, at a path on disk.
    """

    def __init__(
        self,
        names: Mapping[str, str],
        *,
        open_file: Callable[[str], IO[bytes]],
        copy_file: Callable[[str, Path], None],
    ) -> None:
        self.names = names
        self._open = open_file
        self._copy = copy_file

    @classmethod
    def of_stored(cls, names: Iterable[str], bring: Callable[[str], Path]) -> "NamedTree":
        """Return a tree of files that `bring` puts into the store, each when it is wanted."""
        return cls(
            {name: name for name in names},
            open_file=lambda name: bring(name).open("rb"),
            copy_file=lambda name, target: link_or_copy(bring(name), target),
        )

    def without_top(self, *, always: bool) -> "NamedTree":
        """Return the tree below its only top folder; the tree itself if it has no such folder.

        Args:
            always: Whether to drop the first part of each path, whatever it is, as npm does.
        """
        tops = {path.partition("/")[0] for path in self.names if "/" in path}
        at_root = any("/" not in path for path in self.names)
        if not always and (len(tops) != 1 or at_root):
            return self
        names = {path.partition("/")[2]: name for path, name in self.names.items()}
        names.pop("", None)
        return NamedTree(names, open_file=self._open, copy_file=self._copy)

    def is_file(self, path: str) -> bool:
        """Return whether the tree has a file of this path."""
        return path in self.names

    def is_folder(self, path: str) -> bool:
        """Return whether a file lies below this path; archives need not list their folders."""
        return path == "" or any(name.startswith(f"{path}/") for name in self.names)

    def list_below(self, folder: str) -> list[str]:
        """Return the paths of all files below a folder, sorted."""
        start = f"{folder}/" if folder else ""
        return sorted(path for path in self.names if path.startswith(start))

    def list_near(self, path: str) -> Iterable[str]:
        """Return all paths, those of folders too."""
        del path
        yield from self.names
        for folder in self.names:
            while folder := posixpath.dirname(folder):
                yield folder

    def read(self, path: str) -> bytes:
        """Return the content of a JSON file."""
        with self._open(self.names[path]) as file:
            return read_json_text(file, shown=path)

    def copy(self, path: str, target: Path) -> None:
        """Put a file at `target`."""
        self._copy(self.names[path], target)


@dataclass(frozen=True, kw_only=True)
class Selection:
    """The files of one model.

    Attributes:
        entry: Path that the model is opened by, relative to its folder; "." for the folder.
        files: Path of each file in the tree, by its path in the folder.
    """

    entry: str
    files: Mapping[str, str]


def select_files(tree: Tree, inside: str, *, shown: str) -> Selection:
    """Find the files that belong to the model at a path.

    A .json with a weight manifest brings the shards that it names. A folder brings all files
    below it, unless it has a model.json and no SavedModel. Any other file comes alone;
    `select_data` finds those that lie beside it with its data.

    Args:
        tree: The tree that has the model.
        inside: Path of the model; "" for the root.
        shown: The tree as messages name it.

    Raises:
        MissingPathError: The tree has no such path; the message suggests similar paths.
        FetchError: A shard is missing.
        UntrustedSourceError: A shard lies where none may lie.
    """
    if inside and tree.is_file(inside):
        return _select_file(tree, inside, shown=shown)
    if not tree.is_folder(inside):
        raise MissingPathError(f"{shown}: no {inside!r} in it{_suggest(tree, inside)}")
    model_json = posixpath.join(inside, MODEL_JSON)
    saved_models = [posixpath.join(inside, name) for name in _SAVED_MODEL]
    if tree.is_file(model_json) and not any(map(tree.is_file, saved_models)):
        return _select_file(tree, model_json, shown=shown)
    paths = tree.list_below(inside)
    if not paths:
        raise FetchError(f"{name_file(shown, inside)}: an empty folder; expected a model")
    start = len(inside) + 1 if inside else 0
    return Selection(entry=".", files={path[start:]: path for path in paths})


def parse_shards(content: bytes, *, shown: str) -> list[str]:
    """Return the paths of the shards that a model.json names: ["group1-shard1of1.bin"].

    They are relative to its folder, each path once. A .json without a weight manifest has none.

    Raises:
        FetchError: The content is no JSON.
        UntrustedSourceError: A path leads where no shard lies (`tfjs/model/shard_paths.py`).
    """
    try:
        model = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise FetchError(f"{shown}: not JSON: {error}; expected a model.json") from None
    manifest = model.get("weightsManifest") if isinstance(model, dict) else None
    paths = [path for group in _as_list(manifest) for path in _paths_of(group)]
    for path in paths:
        if not is_shard_path(path):
            raise UntrustedSourceError(
                f"{shown}: names the shard {shorten(path)}; expected a short path of printable "
                f"characters {EXPECTED}"
            )
    return list(dict.fromkeys(posixpath.normpath(path) for path in paths))


def is_shard_path(path: str) -> bool:
    """Return whether a shard may have this path, also as a server reads it: "%2e%2e/a.bin"."""
    spellings = [split_up(text) for text in (path, unquote(path))]
    return all(is_inner_path(rest) and is_near(up, rest) for up, rest in spellings)


def list_data(path: Path, *, shown: str) -> list[str]:
    """Return the paths of the files that lie beside a model and have its data.

    They are relative to its folder, each path once. Any other file has none.

    Args:
        path: The model, on this machine.
        shown: The model as messages name it.

    Raises:
        UntrustedSourceError: A path leaves the folder, or there are more files than in any model.
    """
    names = list_data_files(path)
    for name in names:
        if not is_inner_path(name):
            raise UntrustedSourceError(
                f"{shown}: has data in {shorten(name)}; expected a path below the model's "
                "folder, short and of printable characters"
            )
    if len(names) > MAX_FILES:
        raise UntrustedSourceError(f"{shown}: has data in more than {MAX_FILES} files")
    return list(dict.fromkeys(posixpath.normpath(name) for name in names))


def read_json_text(file: IO[bytes], *, shown: str) -> bytes:
    """Return the content of a JSON file; a parsed document takes many times its size.

    Raises:
        UntrustedSourceError: The file is larger than any model.json.
    """
    content = file.read(MAX_JSON_BYTES + 1)
    if len(content) > MAX_JSON_BYTES:
        limit = MAX_JSON_BYTES // 1024**2
        raise UntrustedSourceError(f"{shown}: JSON of more than {limit} MiB; refused")
    return content


def _select_file(tree: Tree, path: str, *, shown: str) -> Selection:
    folder, name = posixpath.split(path)
    shards: list[str] = []
    label = name_file(shown, path)
    if name.endswith(".json"):
        content = tree.read(path)
        check_head(content[:HEAD_BYTES], shown=label)
        shards = parse_shards(content, shown=label)
    placed = place_files(name, shards)
    files = {
        place: posixpath.normpath(posixpath.join(folder, file)) for place, file in placed.items()
    }
    for place, file in placed.items():
        if not tree.is_file(files[place]):
            found = f"names the shard {file!r}, which is not there{_suggest(tree, files[place])}"
            raise FetchError(f"{label}: {found}")
    return Selection(entry=next(iter(files)), files=files)


def select_data(tree: Tree, entry: str, path: Path, *, shown: str) -> Mapping[str, str]:
    """Return the path in the tree of each file with data of a model, by its path beside it.

    Args:
        tree: The tree that has the model.
        entry: Path of the model in the tree.
        path: The model, on this machine.
        shown: The tree as messages name it.

    Raises:
        FetchError: A file is missing.
        UntrustedSourceError: A file lies outside the model's folder.
    """
    label, folder = name_file(shown, entry), posixpath.dirname(entry)
    found = {name: posixpath.join(folder, name) for name in list_data(path, shown=label)}
    for name, data_path in found.items():
        if not tree.is_file(data_path):
            missing = f"has data in {name!r}, which is not there{_suggest(tree, data_path)}"
            raise FetchError(f"{label}: {missing}")
    return found


def _suggest(tree: Tree, path: str) -> str:
    """Return the end of a message about a missing path: "; did you mean 'm.h5'?"."""
    return did_you_mean(find_near(path, tree.list_near(path)))


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _paths_of(group: Any) -> list[str]:
    paths = _as_list(group.get("paths")) if isinstance(group, dict) else []
    return [path for path in paths if isinstance(path, str)]
