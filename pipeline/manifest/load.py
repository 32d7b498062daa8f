"""Reads a manifest from disk, checks it, and turns it into a Zoo or a list of faults."""

import contextlib
import gc
import os
from collections.abc import Iterator
from pathlib import Path

from pipeline.errors import ManifestError
from pipeline.manifest.check import check_models
from pipeline.manifest.fault import Fault, format_faults
from pipeline.manifest.quantize_rules import with_flag_variant
from pipeline.manifest.sections import read_sections
from pipeline.manifest.yaml.yaml_reader import read_yaml
from pipeline.manifest.yaml.yaml_syntax import LINE_BREAK
from pipeline.manifest.zoo import Zoo


def load_manifest(path: Path) -> Zoo:
    """Read a manifest.

    Raises:
        ManifestError: The file is missing, or has faults; the message lists all of them.
    """
    file = _shown(path)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        hint = "`tfjs-zoo init` writes one; `-d FOLDER` builds the zoo of another folder"
        raise ManifestError(f"{file}: there is no such file", hint=hint) from None
    except OSError as error:
        raise ManifestError(f"{file}: cannot be read: {error.strerror}") from None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        fault = _encoding_fault(content, error)
        raise ManifestError(format_faults([fault], file=file)) from None
    return parse_manifest(text, file=file)


def parse_manifest(text: str, *, file: str = "models.yaml") -> Zoo:
    """Turn the text of a manifest into a Zoo.

    Args:
        text: YAML, without a byte order mark.
        file: The file's name in messages.

    Raises:
        ManifestError: The text has faults; the message lists all of them, in the order of the text.
    """
    with _no_collection():
        return _parse(text, file)


def _parse(text: str, file: str) -> Zoo:
    document = read_yaml(text)
    faults = list(document.faults)
    sections = None
    if document.root is not None:
        sections = read_sections(document.root)
        # A value that YAML already reports is not reported again for its type.
        reported = {(fault.line, fault.column) for fault in faults}
        found = [*sections.faults, *check_models(sections)]
        faults += [fault for fault in found if (fault.line, fault.column) not in reported]
    elif not faults:
        faults.append(
            Fault(line=1, column=1, path=(), message="the file is empty; expected 'models:'")
        )
    if faults or sections is None:
        raise ManifestError(format_faults(faults, file=file))
    models = tuple(with_flag_variant(listed.model) for listed in sections.models)
    return Zoo(**dict(sections.zoo), models=models)


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    """Hold the garbage collector off: with 10,000 models it takes two thirds of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _encoding_fault(content: bytes, error: UnicodeDecodeError) -> Fault:
    before = LINE_BREAK.split(content[: error.start].decode("utf-8-sig", "replace"))
    return Fault(
        line=len(before),
        column=len(before[-1]) + 1,
        path=(),
        message=f"the byte 0x{content[error.start]:02X} is not UTF-8; save the file as UTF-8",
    )


def _shown(path: Path) -> str:
    """Return a path relative to the working folder, if it lies below: "models.yaml"."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)
