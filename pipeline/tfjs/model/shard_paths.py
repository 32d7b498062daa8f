"""Paths of shards: where the files may lie that a model.json names.

The converter puts them into the folder of the model.json. A published zoo has two other places: an
alias `models/m/float32/model.json` names `../float32-3f2a9c1b/group1-shard1of1.bin`, and models
that have weights in common name `../../m/weights/3f2a9c1b00112233.bin`. TensorFlow.js resolves both
against the address of the model.json.

A stranger could name any file of a disk like that, to have it published. So a path that goes up has
exactly one of these forms, whose names are digests. This module opens no file.
"""

import posixpath
import re
from collections.abc import Iterable

EXPECTED = (
    "in the folder of model.json, such as 'group1-shard1of1.bin', or where a published zoo has it: "
    "'../float32-0123abcd/group1-shard1of1.bin'"
)
"""What is expected of a path, after "a path"."""

_UP = "../"
_ABOVE = {
    0: re.compile(".*", re.DOTALL),
    1: re.compile(r"[^/]+-[0-9a-f]{8}/[^/]+\.bin"),
    2: re.compile(r"[^/]+/weights/[0-9a-f]{16}\.bin"),
}
_FOLDER = "model/"


def split_up(path: str) -> tuple[int, str]:
    """Return how many folders a path goes up, and the rest: (1, "f/a.bin") for "../f/a.bin"."""
    rest = path
    while rest.startswith(_UP):
        rest = rest.removeprefix(_UP)
    return (len(path) - len(rest)) // len(_UP), rest


def is_near(up: int, rest: str) -> bool:
    """Return whether a shard may lie so many folders up, if `rest` stays below its folder."""
    return up in _ABOVE and _ABOVE[up].fullmatch(rest) is not None


def place_files(name: str, shards: Iterable[str]) -> dict[str, str]:
    """Return the paths of a model.json and its shards by their places below one folder.

    The model.json comes first. If shards lie above it, it gets a folder for each step:
    {"model/m.json": "m.json", "f/a.bin": "../f/a.bin"}.

    Args:
        name: Name of the model.json.
        shards: Paths of its shards, relative to its folder.
    """
    paths = [name, *shards]
    above = _FOLDER * max(split_up(path)[0] for path in paths)
    return {posixpath.normpath(f"{above}{path}"): path for path in paths}
