"""Files with labels: names of classes, one in each line, as a JSON list, or in a table."""

import csv
import json
import os
from collections.abc import Mapping
from pathlib import Path

from pipeline.catalog.known_sets import label_sets, read_label_set
from pipeline.errors import ManifestError
from pipeline.text.suggest import did_you_mean, find_similar

_NAME_COLUMNS = ("display_name", "name", "label", "class")
_MAX_BYTES = 4 * 1024 * 1024


def read_names(given: str | list[str], root: Path, fetched: Mapping[str, Path]) -> list[str]:
    """Return the names of classes that a manifest states.

    Args:
        given: The names themselves, a known set, or a file: `.json` with a list or with names by
            number, `.csv` with a column of names, else a name in each line.
        root: Folder of the manifest, to which the path of a file is relative.
        fetched: Files that were fetched, by address.

    Raises:
        ManifestError: The file is not there, or holds no names.
    """
    if isinstance(given, list):
        return given
    if given in label_sets():
        return list(read_label_set(given))
    path = fetched.get(given, root / given)
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ManifestError(f"labels: {given}: more than 4 MiB; expected names of classes")
        text = path.read_text("utf-8-sig")
    except OSError as error:
        beside = path.parent.iterdir() if path.parent.is_dir() else ()
        known = [*label_sets(), *(os.path.relpath(each, root) for each in beside)]
        raise ManifestError(
            f"labels: {given}: {error.strerror}{did_you_mean(find_similar(given, known))}",
            hint="labels are a list, a known set, or a file, whose path is relative to models.yaml",
        ) from None
    except UnicodeDecodeError:
        raise ManifestError(f"labels: {given}: no text in UTF-8") from None
    read = {".json": _read_json, ".csv": _read_csv}.get(path.suffix, str.splitlines)
    try:
        names = [str(name).strip() for name in read(text)]
    except (ValueError, KeyError, TypeError, RecursionError, csv.Error) as error:
        raise ManifestError(f"labels: {given}: no list of names: {error}") from None
    if not names or not all(names):
        raise ManifestError(f"labels: {given}: expected a name for each class")
    return names


def _read_json(text: str) -> list[str]:
    """Return the names of a list, or of a mapping from number to name."""
    content = json.loads(text)
    if isinstance(content, dict):
        numbers = sorted(content, key=int)
        if [int(number) for number in numbers] != list(range(len(numbers))):
            raise ValueError("its numbers are not those from 0 on")
        content = [content[number] for number in numbers]
    if not isinstance(content, list) or not all(isinstance(name, str) for name in content):
        raise ValueError("expected a JSON list of texts")
    return content


def _read_csv(text: str) -> list[str]:
    """Return the column with names of a table with a head, in the order of its rows."""
    rows = list(csv.DictReader(text.splitlines()))
    column = next((name for name in _NAME_COLUMNS if rows and name in rows[0]), None)
    if column is None:
        raise ValueError(f"no column is called {', '.join(_NAME_COLUMNS)}")
    return [row[column] for row in rows]
