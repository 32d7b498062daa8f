"""Paths that strangers wrote: in archives, listings and model.json; and their names in messages.

It opens no file.
"""

import posixpath
from collections.abc import Iterable

from pipeline.text.printable import cut_middle, printable
from pipeline.text.suggest import find_similar

_NUM_NEAR = 4
# Comparing all names of a large archive would take minutes.
_NUM_COMPARED = 2000
_MAX_PATH_BYTES = 1024
_MAX_NAME_BYTES = 255
_MAX_PARTS = 64
_LAYOUT = frozenset("\n\t")
_NAME_LENGTH = 100


def is_inner_path(path: str) -> bool:
    """Return whether a path stays below the folder that it is relative to."""
    if not is_plain_path(path) or "\\" in path:
        return False
    parts = path.split("/")
    inner = ".." not in parts and parts[0] != "" and path.strip("./") != ""
    return inner and ":" not in parts[0]


def is_plain_path(path: str) -> bool:
    """Return whether any file system can hold a path, and any text can show it."""
    parts = path.split("/")
    return (
        len(path) <= _MAX_PATH_BYTES
        and printable(path) == path
        and not _LAYOUT & set(path)
        and len(parts) <= _MAX_PARTS
        and len(path.encode()) <= _MAX_PATH_BYTES
        and max(len(part.encode()) for part in parts) <= _MAX_NAME_BYTES
    )


def shorten(name: str) -> str:
    """Return a stranger's name as messages quote it: "'a/b'"."""
    return cut_middle(repr(name), _NAME_LENGTH)


def name_file(shown: str, path: str) -> str:
    """Return the name of a file in messages: "models/m.zip: saved_model/variables".

    Args:
        shown: The tree as messages name it, or the only file of the tree that is wanted.
        path: Path of the file in the tree; "" for the root.
    """
    if not path or shown == path or shown.endswith((f"/{path}", f":{path}")):
        return shown
    return f"{shown}: {path}"


def find_near(path: str, names: Iterable[str]) -> list[str]:
    """Return the paths that a missing path may stand for: ["saved_model/m.h5"] for "m.h5".

    Paths that end in the same name come first, then paths that are spelled alike.
    """
    known = sorted(set(names))
    tail, suffix = posixpath.basename(path), posixpath.splitext(path)[1]
    same = [name for name in known if posixpath.basename(name) == tail]
    same += [name for name in known if name.lower() == path.lower()]
    if len(known) > _NUM_COMPARED:
        known = [name for name in known if name.endswith(suffix)][:_NUM_COMPARED]
    alike = find_similar(path, known, most=_NUM_NEAR)
    return list(dict.fromkeys(same + alike))[:_NUM_NEAR]
