"""What the package, repository or folder around a model says of it: licence, home, labels.

It reads single files beside the model, through the cache of downloads.
"""

import email
import json
import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pipeline.disk.json_value import decode_json
from pipeline.errors import FormatError, PipelineError
from pipeline.fetch.address.source_type import Source
from pipeline.fetch.fetch import fetch_source
from pipeline.inspection.license_texts import LicenseText, find_license_text
from pipeline.manifest.license_expression import find_license
from pipeline.text.front_matter import split_front_matter

_MAX_BYTES = 1024**2
_CARD = "README.md"
_LABEL_FILES = (
    *("labels.txt", "labels.json", "classes.txt", "classes.json", "class_names.txt"),
    *("class_names.json", "labelmap.txt", "label_map.txt", "metadata.json"),
)
_TAG = re.compile(r"git\+|^git:|\.git$")

Read = Callable[[str], bytes | None]


@dataclass(frozen=True, kw_only=True)
class PackageFacts:
    """What is said of a model beside its own files.

    Attributes:
        license: SPDX expression.
        license_from: Where it says so: "package.json".
        license_text: A file that is the text of a license; looked for where nothing states one.
        homepage: Where it is described.
        task: Its task, by Hugging Face's name.
        card: Its model card, as the manifest names it.
    """

    license: str | None = None
    license_from: str | None = None
    license_text: LicenseText | None = None
    homepage: str | None = None
    task: str | None = None
    card: str | None = None


def read_package(source: Source, *, root: Path, cache: Path) -> PackageFacts:
    """Return what a package, repository or folder says of the models in it."""
    read = _reader(source, root=root, cache=cache)
    facts = _read_stated(source, read)
    if facts.license is not None:
        return facts
    found = find_license_text(read, _license_folders(source, root))
    return replace(facts, license_text=found)


def _read_stated(source: Source, read: Read) -> PackageFacts:
    match source.kind:
        case "npm":
            return _of_npm(read)
        case "pypi":
            return _of_pypi(read, source)
        case "hf":
            return _of_hf(read)
        case _:
            return PackageFacts()


def _license_folders(source: Source, root: Path) -> Iterator[str]:
    """Yield the folders that may have the text of a model's license, its own first."""
    folder = _model_folder(source, root)
    if folder is None:
        return
    yield folder
    if source.archive:
        yield ""
    if source.kind == "pypi":
        for metadata in _metadata_paths(source):
            inside = metadata.rpartition("/")[0]
            yield from (inside, f"{inside}/licenses") if inside else ()


def find_labels(
    source: Source, counts: set[int], *, root: Path, cache: Path
) -> tuple[str, list[str]] | None:
    """Return a file of labels in the folder of a model, and its names.

    Args:
        source: The model.
        counts: The numbers of classes that its outputs may have.
        root: Folder of the manifest.
        cache: Folder of downloads.
    """
    folder = _model_folder(source, root)
    if folder is None:
        return None
    read = _reader(source, root=root, cache=cache)
    for name in _LABEL_FILES:
        beside = f"{folder}/{name}" if folder else name
        names = _read_names(name, read(beside))
        if names and len(names) in counts:
            return beside, names
    return None


def _model_folder(source: Source, root: Path) -> str | None:
    """Return the folder of a model, as `_reader` takes paths; None if it has no neighbours."""
    if not (source.archive or source.kind == "path") or source.nested:
        return None
    path = source.location if source.kind == "path" and not source.archive else source.inside or ""
    is_folder = source.kind == "path" and not source.archive and (root / path).is_dir()
    return path.rstrip("/") if is_folder else path.rpartition("/")[0]


def _reader(source: Source, *, root: Path, cache: Path) -> Read:
    """Return a function that reads a small file of a source by its path there."""

    def read(path: str) -> bytes | None:
        if source.kind == "path" and not source.archive:
            file = root / path
            return file.read_bytes() if file.is_file() and _is_small(file) else None
        wanted = replace(source, inside=path, nested=None)
        with tempfile.TemporaryDirectory(prefix="tfjs-zoo-") as folder:
            try:
                fetched = fetch_source(
                    wanted,
                    root=root,
                    folder=Path(folder),
                    cache=cache,
                    sha256=None,
                    progress=lambda _done, _total: None,
                )
                file = Path(folder) / fetched.entry
                return file.read_bytes() if file.is_file() and _is_small(file) else None
            except PipelineError:
                return None

    return read


def _is_small(file: Path) -> bool:
    return file.stat().st_size <= _MAX_BYTES


def _of_npm(read: Read) -> PackageFacts:
    package = _parse_json(read("package.json"))
    if not isinstance(package, dict):
        return PackageFacts()
    repository = package.get("repository")
    url = repository.get("url") if isinstance(repository, dict) else repository
    return PackageFacts(
        **_license(package.get("license"), "package.json"),
        homepage=_web(package.get("homepage")) or _web(url),
    )


def _of_pypi(read: Read, source: Source) -> PackageFacts:
    texts = (read(path) for path in _metadata_paths(source))
    found = next((text for text in texts if text is not None), None)
    if found is None:
        return PackageFacts()
    metadata = email.message_from_bytes(found)
    stated = [metadata["License-Expression"], metadata["License"]]
    stated += [
        value.rpartition("::")[2]
        for value in metadata.get_all("Classifier", [])
        if value.startswith("License ::")
    ]
    licenses = (_license(value, "METADATA") for value in stated)
    urls = [value.partition(",")[2] for value in metadata.get_all("Project-URL", [])]
    homes = (_web(value) for value in (metadata["Home-page"], *urls))
    return PackageFacts(
        **next(filter(None, licenses), {}), homepage=next(filter(None, homes), None)
    )


def _metadata_paths(source: Source) -> Iterator[str]:
    """Yield where a wheel or sdist may have its metadata, by the rules of names of each age."""
    name, version = source.location, source.version
    for spelled in dict.fromkeys(
        (re.sub(r"[-_.]+", "_", name).lower(), re.sub(r"[-.]+", "_", name), name)
    ):
        yield f"{spelled}-{version}.dist-info/METADATA"
    yield "PKG-INFO"


def _of_hf(read: Read) -> PackageFacts:
    card = read(_CARD)
    if card is None:
        return PackageFacts()
    front, _ = split_front_matter(card.decode("utf-8", "replace"))
    task = front.get("pipeline_tag")
    return PackageFacts(
        **_license(front.get("license"), _CARD),
        task=task if isinstance(task, str) else None,
        card=f"#{_CARD}",
    )


def _license(stated: Any, where: str) -> dict[str, Any]:
    name = stated.get("type") if isinstance(stated, dict) else stated
    found = find_license(name) if isinstance(name, str) else None
    return {"license": found, "license_from": where} if found else {}


def _web(url: Any) -> str | None:
    """Return an address that a browser opens: "https://host/x" for "git+https://host/x.git"."""
    plain = _TAG.sub("", url.strip()) if isinstance(url, str) else ""
    return plain if re.fullmatch(r"https?://[^\s]+", plain) else None


def _read_names(file: str, content: bytes | None) -> list[str] | None:
    """Return the names in a file of labels: lines, a JSON list, or a JSON object's `labels`."""
    if content is None:
        return None
    if file.endswith(".json"):
        found = _parse_json(content)
        found = found.get("labels") if isinstance(found, dict) else found
        if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
            return None
        return [name.strip() for name in found]
    try:
        lines = [line.strip() for line in content.decode("utf-8-sig").splitlines()]
    except UnicodeDecodeError:
        return None
    # Teachable Machine numbers the lines: "0 cat".
    numbered = [re.fullmatch(rf"{i}\s+(.+)", line) for i, line in enumerate(lines)]
    names = [match[1] for match in numbered if match] if all(numbered) else lines
    return names if names and all(names) else None


def _parse_json(content: bytes | None) -> Any:
    if content is None:
        return None
    try:
        return decode_json(content, "file").value
    except (FormatError, json.JSONDecodeError):
        return None
