"""Formats of source models, told from their files: first by content, then by the file's name.

No model is loaded for it.
"""

import posixpath
from collections.abc import Callable, Iterable
from pathlib import Path

from pipeline.errors import FormatError
from pipeline.formats.format import Format
from pipeline.formats.model_files import ModelFiles
from pipeline.formats.table import EXPECTED, FORMATS, INPUT_FORMATS, find_format
from pipeline.text.suggest import join_words

_NUM_LISTED = 6


def detect_format(
    path: Path, *, asked: str | None, name: str, output_format: str | None = None
) -> str:
    """Tell a model's format from its files: "tf_saved_model".

    Args:
        path: The model's file or folder.
        asked: What the manifest says it is; None to tell it from the files alone.
        name: What to call it in messages: the source as the user wrote it.
        output_format: What it is to become. Of several formats that the files are of, one that
            can become that is taken: layers models come from Keras alone, so that a SavedModel
            that Keras saved is read as such for them.

    Raises:
        FormatError: The files are of no known format, or not of the one asked for.
    """
    files = ModelFiles(path=path)
    found = _find_formats(files)
    if asked is not None and _can_be_read_as(find_format(asked), found, files):
        return asked
    if not found:
        raise FormatError(
            f"cannot tell the format of {name}{_describe(files)}; "
            f"expected {join_words(EXPECTED, 'or')}",
            hint=_hint(path),
        )
    if asked is not None:
        stated = found[0]
        raise FormatError(
            f"input_format: {asked}: the files are {stated.name}",
            hint=stated.hint or f"set `input_format: {stated.name}`, or leave it out",
        )
    able = [each for each in found if output_format in each.outputs]
    return (able or found)[0].name


def formats_of_file(name: str) -> tuple[str, ...]:
    """Return the input formats that a file or folder of this name can have.

    `("keras",)` for "m.h5"; all of them for a name that says nothing.
    """
    file = posixpath.basename(name)
    if file in _BY_FILE_NAME:
        return _BY_FILE_NAME[file]
    ends = (formats for end, formats in _BY_END.items() if file.lower().endswith(end))
    return next(ends, INPUT_FORMATS)


def _group(texts_of: Callable[[Format], Iterable[str]]) -> dict[str, tuple[str, ...]]:
    """Return the names of the input formats by each of their texts."""
    grouped: dict[str, tuple[str, ...]] = {}
    for name in INPUT_FORMATS:
        for text in texts_of(find_format(name)):
            grouped[text] = (*grouped.get(text, ()), name)
    return grouped


_BY_FILE_NAME = _group(lambda each: each.names)
_BY_END = _group(lambda each: each.suffixes + each.shared_suffixes)


def _find_formats(files: ModelFiles) -> list[Format]:
    """Return the formats that the content shows, else that which the file's name says."""
    found = [each for each in FORMATS if each.looks_like is not None and each.looks_like(files)]
    if found or files.is_folder:
        return found
    name = files.path.name.lower()
    return [each for each in FORMATS if name.endswith(each.suffixes)]


def _can_be_read_as(asked: Format, found: list[Format], files: ModelFiles) -> bool:
    """Tell whether files can be read as the format that the manifest asks for."""
    if not found:
        return asked.looks_like is None and not files.is_folder
    return any(each is asked or each.name in asked.also_reads for each in found)


def _describe(files: ModelFiles) -> str:
    """Return what a folder holds, in parentheses: " (holds a.txt, b.txt)"; nothing for a file."""
    if not files.is_folder:
        return ""
    names = sorted(child.name for child in files.path.iterdir())
    return f" (holds {', '.join(names[:_NUM_LISTED])}{', …' if len(names) > _NUM_LISTED else ''})"


def _hint(path: Path) -> str:
    """Return what to write instead: "point `source:` at one of a, b/model.json"."""
    if path.is_dir():
        found = [str(model.relative_to(path)) for model in _find_models(path)]
        if found:
            return f"point `source:` at one of {', '.join(found[:_NUM_LISTED])}"
    return "point `source:` at the model itself with #path, or set `input_format:`"


def _find_models(folder: Path) -> list[Path]:
    """Return the models below a folder, by the names of their files, without their parts."""
    found = {
        each.opened_by(path): None
        for path in sorted(folder.rglob("*"))
        for each in FORMATS
        if path.name in each.names or path.name.lower().endswith(each.suffixes)
    }
    return [path for path in found if not any(parent in found for parent in path.parents)]
