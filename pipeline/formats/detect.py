"""Recognize the format of a source: by the content of its files, then by the file's name.

No model is loaded for that.
"""

import posixpath
from collections.abc import Mapping
from pathlib import Path

from pipeline.errors import FormatError
from pipeline.formats.format import Format
from pipeline.formats.model_files import ModelFiles
from pipeline.formats.strangers import is_part_of_stranger, recognize
from pipeline.formats.table import EXPECTED, FORMATS, INPUT_FORMATS, find_format
from pipeline.text.suggest import join_words

_NUM_LISTED = 6
_HINT = "point `source:` at the model itself with #path, or set `input_format:`"
_HINT_WITHOUT_MODEL = (
    "give the address of the model itself: many packages download theirs when they run; "
    "a file here whose name does not say its format needs #path and `input_format:`"
)


def detect_format(
    path: Path, *, asked: str | None, name: str, output_format: str | None = None
) -> str:
    """Return the name of the format that a model's files have, such as "tf_saved_model".

    Args:
        path: The model's file or folder.
        asked: `input_format` of the manifest; None where the files alone decide.
        name: Name of the model in messages: the source as the user wrote it.
        output_format: `output_format` of the manifest. Where the files have several formats, a
            format that can become this one is preferred: a SavedModel that Keras saved is
            "keras_saved_model" for a layers model, and "tf_saved_model" for a graph model.

    Raises:
        FormatError: The files have no known format, or not the format that is asked for.
    """
    files = ModelFiles(path=path)
    found = _find_by_content(files)
    if not found:
        _refuse_stranger(files, name)
        found = _find_by_name(files)
    if asked is not None and _can_be_read_as(find_format(asked), found, files):
        return asked
    if not found:
        raise _unknown_format(files, name)
    if asked is not None:
        stated = found[0]
        raise FormatError(
            f"input_format: {asked}: the files are {stated.name}",
            hint=f"set `input_format: {stated.name}`, or leave it out",
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
    file = file.lower()
    return next((formats for end, formats in _BY_END.items() if file.endswith(end)), INPUT_FORMATS)


def _invert(texts: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Return the formats by their texts, from the texts by format."""
    return {
        text: tuple(name for name, own in texts.items() if text in own)
        for each in texts.values()
        for text in each
    }


_INPUTS = [find_format(name) for name in INPUT_FORMATS]
_BY_FILE_NAME = _invert({each.name: each.names for each in _INPUTS})
_BY_END = _invert({each.name: each.suffixes + each.shared_suffixes for each in _INPUTS})


def _find_by_content(files: ModelFiles) -> list[Format]:
    """Return the formats that the content shows."""
    return [each for each in FORMATS if each.looks_like is not None and each.looks_like(files)]


def _find_by_name(files: ModelFiles) -> list[Format]:
    """Return the format that the name of a file says."""
    if files.is_folder:
        return []
    name = files.path.name.lower()
    return [each for each in FORMATS if name.endswith(each.suffixes)]


def _refuse_stranger(files: ModelFiles, name: str) -> None:
    """Raise a FormatError for a file or folder that is known to be no model."""
    stranger = recognize(files)
    if stranger is not None and not (files.is_folder and find_models(files.path)):
        raise FormatError(f"{name} is {stranger.what}", hint=stranger.hint)


def _unknown_format(files: ModelFiles, name: str) -> FormatError:
    """Return the error for a file or folder without a format; it names the models inside."""
    inside = find_models(files.path) if files.is_folder else []
    said, hint = f"cannot tell the format of {name}", _HINT
    if inside:
        listed = [str(model.relative_to(files.path)) for model in inside[:_NUM_LISTED]]
        hint = f"point `source:` at one of {', '.join(listed)}"
    elif files.is_folder:
        _refuse_strangers_inside(files.path, name)
        said, hint = f"no model in {name}", _HINT_WITHOUT_MODEL
    return FormatError(
        f"{said}{_describe(files)}; expected {join_words(EXPECTED, 'or')}", hint=hint
    )


def _refuse_strangers_inside(path: Path, name: str) -> None:
    """Raise a FormatError for a folder with no model in it, and with a folder known to be none."""
    for folder in sorted(inner for inner in path.rglob("*") if inner.is_dir()):
        stranger = recognize(ModelFiles(path=folder))
        if stranger is not None:
            inside = folder.relative_to(path).as_posix()
            raise FormatError(
                f"{name} holds no model: {inside} is {stranger.what}", hint=stranger.hint
            )


def _can_be_read_as(asked: Format, found: list[Format], files: ModelFiles) -> bool:
    """Tell whether files can be read as the format that the manifest asks for."""
    if not found:
        return asked.looks_like is None and not files.is_folder
    return any(each is asked or each.name in asked.also_reads for each in found)


def _describe(files: ModelFiles) -> str:
    """Return the names in a folder, for a message: " (holds a.txt, b.txt)"; "" for a file."""
    if not files.is_folder:
        return ""
    names = sorted(child.name for child in files.path.iterdir())
    return f" (holds {', '.join(names[:_NUM_LISTED])}{', …' if len(names) > _NUM_LISTED else ''})"


def find_models(folder: Path) -> list[Path]:
    """Return the paths of the models below a folder, found by the names of their files.

    A file in the folder of a SavedModel is a part of that model, and not listed. Neither is one
    that only looks like a model in a folder that is known to be none.
    """
    found = {
        each.opened_by(path): None
        for path in sorted(folder.rglob("*"))
        for each in FORMATS
        if _is_named_as(path, each) and not is_part_of_stranger(path)
    }
    return [path for path in found if not any(parent in found for parent in path.parents)]


def _is_named_as(path: Path, found: Format) -> bool:
    """Return whether a file's name is one of a format; where it may be another's, its content."""
    if path.name in found.names or path.name.lower().endswith(found.suffixes):
        return True
    if found.looks_like is None or not path.name.lower().endswith(found.shared_suffixes):
        return False
    try:
        return found.looks_like(ModelFiles(path=path))
    except (FormatError, OSError):
        return False
