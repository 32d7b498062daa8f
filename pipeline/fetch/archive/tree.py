"""Trees: folders of files, on disk or in an archive, and the files of one model in them."""

import json
import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

from pipeline.errors import FetchError, MissingPathError, UntrustedSourceError
from pipeline.fetch.archive.content import HEAD_BYTES, check_head
from pipeline.text.printable import cut_middle, printable
from pipeline.text.suggest import did_you_mean, find_similar

_NUM_NEAR = 4
# Comparing all names of a large archive would take minutes.
_NUM_COMPARED = 2000
_MAX_PATH_BYTES = 1024
_MAX_NAME_BYTES = 255
_MAX_PARTS = 64
_LAYOUT = frozenset("\n\t")
_NAME_LENGTH = 100
MAX_FILES = 200_000
MAX_JSON_BYTES = 64 * 1024**2
_SAVED_MODEL = ("saved_model.pb", "saved_model.pbtxt")
MODEL_JSON = "model.json"


class Tree(Protocol):
    """Files under one root. Paths have "/" between their parts; "" is the root."""

    def is_file(self, path: str) -> bool:
        """Tell whether a file is there."""
        ...

    def is_folder(self, path: str) -> bool:
        """Tell whether a folder is there."""
        ...

    def list_below(self, folder: str) -> list[str]:
        """Return the paths of all files below a folder, sorted."""
        ...

    def list_near(self, path: str) -> Iterable[str]:
        """Return the paths among which a misspelt one may be meant."""
        ...

    def read(self, path: str) -> bytes:
        """Return the content of a JSON file."""
        ...

    def place(self, path: str, target: Path) -> None:
        """Put a file at `target`, whose folder is there."""
        ...


@dataclass(frozen=True, kw_only=True)
class Selection:
    """The files of one model.

    Attributes:
        entry: Path that the model is opened by, relative to its folder; "." for the folder.
        files: Path in the tree of each file, by its path in the model's folder.
    """

    entry: str
    files: Mapping[str, str]


def select_files(tree: Tree, inside: str, *, shown: str) -> Selection:
    """Find the files that belong to the model at a path.

    A .json with a weight manifest brings the shards it names; a folder brings everything
    below it, unless it has a model.json and no SavedModel; any other file comes alone.

    Args:
        tree: Where the model is.
        inside: Its path; "" for the root.
        shown: What the user knows the tree as.

    Raises:
        MissingPathError: There is no such path; the message has those like it.
        FetchError: A shard is missing.
        UntrustedSourceError: A shard lies outside the folder of its model.json.
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
    """Return the paths of the shards that a model.json names, without repetition.

    They are relative to its folder. A .json without a weight manifest names none.

    Raises:
        FetchError: It is no JSON.
        UntrustedSourceError: A path leaves the folder.
    """
    try:
        model = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise FetchError(f"{shown}: not JSON: {error}; expected a model.json") from None
    manifest = model.get("weightsManifest") if isinstance(model, dict) else None
    paths = [path for group in _as_list(manifest) for path in _paths_of(group)]
    for path in paths:
        if not is_inner_path(path):
            raise UntrustedSourceError(
                f"{shown}: names the shard {shorten(path)}; expected a path below the model's "
                "folder, short and of printable characters"
            )
    return list(dict.fromkeys(posixpath.normpath(path) for path in paths))


def read_json_text(file: IO[bytes], *, shown: str) -> bytes:
    """Return the content of a file that is to be parsed as JSON, which takes many times its size.

    Raises:
        UntrustedSourceError: It is larger than any model.json.
    """
    content = file.read(MAX_JSON_BYTES + 1)
    if len(content) > MAX_JSON_BYTES:
        limit = MAX_JSON_BYTES // 1024**2
        raise UntrustedSourceError(f"{shown}: JSON of more than {limit} MiB; refused")
    return content


def shorten(name: str) -> str:
    """Return what a message calls a name of others: "'a/b'"."""
    return cut_middle(repr(name), _NAME_LENGTH)


def name_file(shown: str, path: str) -> str:
    """Return what a message calls a file of a tree.

    Args:
        shown: What the user knows the tree as, or the one file in it that is wanted.
        path: Where the file is in the tree; "" for the root.
    """
    if not path or shown == path or shown.endswith((f"/{path}", f":{path}")):
        return shown
    return f"{shown}: {path}"


def is_inner_path(path: str) -> bool:
    """Tell whether a path of others stays below the folder that it is relative to."""
    if not is_plain_path(path) or "\\" in path:
        return False
    parts = path.split("/")
    inner = ".." not in parts and parts[0] != "" and path.strip("./") != ""
    return inner and ":" not in parts[0]


def is_plain_path(path: str) -> bool:
    """Tell whether a path of others can be written in any file system and in any text."""
    parts = path.split("/")
    return (
        len(path) <= _MAX_PATH_BYTES
        and printable(path) == path
        and not _LAYOUT & set(path)
        and len(parts) <= _MAX_PARTS
        and len(path.encode()) <= _MAX_PATH_BYTES
        and max(len(part.encode()) for part in parts) <= _MAX_NAME_BYTES
    )


def _select_file(tree: Tree, path: str, *, shown: str) -> Selection:
    folder, name = posixpath.split(path)
    files = {name: path}
    if name.endswith(".json"):
        content, label = tree.read(path), name_file(shown, path)
        check_head(content[:HEAD_BYTES], shown=label)
        for shard in parse_shards(content, shown=label):
            files[shard] = posixpath.join(folder, shard)
    for shard, place in files.items():
        if not tree.is_file(place):
            found = f"names the shard {shard!r}, which is not there{_suggest(tree, place)}"
            raise FetchError(f"{name_file(shown, path)}: {found}")
    return Selection(entry=name, files=files)


def _suggest(tree: Tree, path: str) -> str:
    return did_you_mean(find_near(path, tree.list_near(path)))


def find_near(path: str, names: Iterable[str]) -> list[str]:
    """Return the paths most like one that is not there: of that name elsewhere, then alike."""
    known = sorted(set(names))
    tail, suffix = posixpath.basename(path), posixpath.splitext(path)[1]
    same = [name for name in known if posixpath.basename(name) == tail]
    same += [name for name in known if name.lower() == path.lower()]
    if len(known) > _NUM_COMPARED:
        known = [name for name in known if name.endswith(suffix)][:_NUM_COMPARED]
    alike = find_similar(path, known, most=_NUM_NEAR)
    return list(dict.fromkeys(same + alike))[:_NUM_NEAR]


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _paths_of(group: Any) -> list[str]:
    paths = _as_list(group.get("paths")) if isinstance(group, dict) else []
    return [path for path in paths if isinstance(path, str)]
