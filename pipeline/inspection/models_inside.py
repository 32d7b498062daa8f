"""Models inside of a folder, archive or package, each with an entry to paste into models.yaml."""

import json
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from pipeline.disk.files import total_size
from pipeline.errors import FormatError
from pipeline.fetch.address.source_type import Source, is_archive_name
from pipeline.formats.data_files import find_data_files
from pipeline.formats.detect import detect_format, find_models
from pipeline.inspection.description import ModelInside

_NOT_IN_NAMES = re.compile(r"[^a-z0-9]+")


def list_models(folder: Path, source: Source) -> list[ModelInside]:
    """Return the models below a folder, by the names of their files; archives too.

    Args:
        folder: The folder, or what an archive or package has.
        source: The source that it was fetched from.
    """
    found = [path for path in find_models(folder) if path != folder]
    found += [path for path in folder.rglob("*") if path.is_file() and is_archive_name(path.name)]
    paths = sorted(set(found))
    names = _name_all([path.relative_to(folder) for path in paths])
    return [
        ModelInside(
            path=path.relative_to(folder).as_posix(),
            format=_find_format(path),
            bytes=measure_model(path) if _find_format(path) else total_size(path),
            name=name,
            source=_join(source, path.relative_to(folder).as_posix()),
        )
        for path, name in zip(paths, names, strict=True)
    ]


def measure_model(path: Path) -> int:
    """Return the bytes of a model's files: a model.json with its shards, others with their data."""
    if path.name == "saved_model.pb":
        return total_size(path.parent)
    if path.suffix != ".json" or path.is_dir():
        beside = [] if path.is_dir() else find_data_files(path)
        return sum(map(total_size, [path, *beside]))
    groups = json.loads(path.read_bytes()).get("weightsManifest") or ()
    shards = {shard for group in groups for shard in group.get("paths") or ()}
    files = [path.parent / shard for shard in shards]
    return path.stat().st_size + sum(total_size(file) for file in files if file.is_file())


def _name_all(paths: Sequence[Path]) -> list[str]:
    """Return a name of its own for each model: "decoder", "persian-decoder" for one of two."""
    forms = [
        [_name(path.stem) for path in paths],
        [_name(path.name) for path in paths],
        [_name(f"{path.parent.name}-{path.stem}") for path in paths],
        [_name(str(path)) for path in paths],
    ]
    counts = [Counter(names) for names in forms]
    return [
        next((name for name, count in zip(each, counts, strict=True) if count[name] == 1), each[-1])
        for each in zip(*forms, strict=True)
    ]


def _name(text: str) -> str:
    """Return a name for models.yaml: "hand-detector" for "Hand_Detector"."""
    return _NOT_IN_NAMES.sub("-", text.lower()).strip("-") or "model"


def _find_format(path: Path) -> str | None:
    """Return the format of a model; None for an archive, and for a file that is none."""
    try:
        return detect_format(path, asked=None, name=path.name)
    except FormatError:
        return None


def _join(source: Source, path: str) -> str:
    """Return the source of a file inside: "m.task#a.tflite"."""
    address = source.location if source.kind == "path" else source.uri.partition("#")[0]
    inside = "#".join(part for part in (source.inside, source.nested) if part)
    if not source.archive:
        return f"{address.rstrip('/')}/{path}"
    if not inside:
        return f"{address}#{path}"
    return f"{address}#{inside}{'#' if is_archive_name(inside) else '/'}{path}"
