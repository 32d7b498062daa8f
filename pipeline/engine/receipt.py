"""Receipts: the ingredients of a folder's files, in its `receipt.json`.

A receipt has no clock, no host and no absolute path: a repeated build repeats its bytes. Compared
with a step's present ingredients, it shows whether the step is up to date and, if not, why.
"""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict

from pipeline.disk.canonical import format_json
from pipeline.disk.files import digest_file, find_files
from pipeline.disk.typed_json import WrongJsonError, parse_json
from pipeline.disk.versions import installed_version
from pipeline.errors import MachineError, PipelineError
from pipeline.records.record import Part
from pipeline.text.printable import printable
from pipeline.text.suggest import list_first

RECEIPT = "receipt.json"
NEVER_BUILT = "never built"
# Files beside the receipt, for people: their content varies from run to run.
UNLISTED = frozenset({RECEIPT, "run.json", "log.txt"})
# The length of a cause, which is shown in a line.
MAX_CHANGES = 3
# Room for the worst values of four outputs.
MAX_REASON = 800
_ABSENT = object()


def _shorten(text: str | None) -> str | None:
    return None if text is None else printable(text, limit=MAX_REASON)


class OutputFile(Part):
    """One file that a step wrote."""

    path: str
    """Relative to the step's folder, with forward slashes."""
    bytes: int
    """Its size."""
    sha256: str
    """Digest of its content, 64 hexadecimal digits."""


class Ingredients(Part):
    """The facts that decide a step's result, except the tools, which the step adds as it runs."""

    step: str
    """Name of the step."""
    version: int
    """Version of the step's code; raised when its results change."""
    parameters: dict[str, Any]
    """The step's parameters from the manifest, as JSON values."""
    inputs: dict[str, str]
    """SHA-256 of each outcome (or local source) that it reads, by name."""


class Failure(Part):
    """Why a step has no result.

    Words of a model or a library are made printable and cut to a readable length; the log has
    all of them.
    """

    status: Literal["failed", "skipped"]
    """"skipped" if there is nothing to make."""
    reason: Annotated[str, AfterValidator(_shorten)]
    """What was found and what was expected."""
    hint: Annotated[str | None, AfterValidator(_shorten)] = None
    """What the user can do, or None."""
    retry: bool = False
    """Whether the same ingredients may succeed at another time."""
    fault: str | None = None
    """The fault of this machine; None if a model failed."""


def failure_of(error: PipelineError) -> Failure:
    """Return an error as the failure of its step."""
    return Failure(
        status="failed",
        reason=error.message,
        hint=error.hint,
        retry=error.retry,
        fault=error.fault if isinstance(error, MachineError) else None,
    )


class Receipt(Ingredients):
    """The ingredients of a folder, and its outputs or failure."""

    # A newer version may have written further fields.
    model_config = ConfigDict(extra="ignore")

    tools: dict[str, str | None]
    """Version of each tool that it used, by distribution."""
    outputs: tuple[OutputFile, ...] = ()
    """The files, sorted by path."""
    failure: Failure | None = None
    """The failure of a step without outputs."""
    kept_here: bool = False
    """Whether it lacks something for this machine's sake; then a shared store does not get it."""


def format_receipt(receipt: Receipt) -> bytes:
    """Return a receipt's canonical text: '{"failure": null, …}'."""
    return format_json(receipt.to_json())


def load_receipt(folder: Path) -> Receipt | None:
    """Read a folder's receipt; None if it is missing or damaged."""
    try:
        return parse_json(Receipt, (folder / RECEIPT).read_bytes())
    except (OSError, WrongJsonError):
        return None


def list_outputs(folder: Path) -> tuple[OutputFile, ...]:
    """List and digest every file below a folder that counts as an output."""
    paths = sorted(path for path in find_files(folder) if path not in UNLISTED)
    return tuple(
        OutputFile(
            path=path,
            bytes=os.stat(f"{folder}/{path}").st_size,  # noqa: PTH116  # of many files
            sha256=digest_file(folder / path),
        )
        for path in paths
    )


def explain_change(receipt: Receipt | None, now: Ingredients) -> str | None:
    """Return why a receipt no longer stands for a step's ingredients, else None: "never built"."""
    if receipt is None:
        return NEVER_BUILT
    made = receipt
    if (made.step, made.version) != (now.step, now.version):
        return f"step {now.step} changed: version {made.version} → {now.version}"
    return (
        _explain_parameters(made.parameters, now.parameters)
        or _explain_inputs(made.inputs, now.inputs)
        or _explain_tools(receipt.tools)
    )


def explain_loss(receipt: Receipt, folder: Path, *, digests: bool = False) -> str | None:
    """Return which output of a receipt the folder lacks: "model.json is missing"; else None.

    Args:
        receipt: The folder's receipt.
        folder: The folder.
        digests: Whether contents are compared too, which reads every file.
    """
    for output in receipt.outputs:
        try:
            size = os.stat(f"{folder}/{output.path}").st_size  # noqa: PTH116  # of many files
            same = size == output.bytes and (
                not digests or digest_file(folder / output.path) == output.sha256
            )
        except OSError as error:
            missing = isinstance(error, FileNotFoundError | NotADirectoryError)
            fault = "is missing" if missing else f"cannot be read: {error.strerror}"
            return f"output {output.path} {fault}"
        if size != output.bytes:
            return f"output {output.path} has {size} bytes instead of {output.bytes}"
        if not same:
            return f"output {output.path} has another content than it was made with"
    return None


def _explain_parameters(made: Mapping[str, Any], now: Mapping[str, Any]) -> str | None:
    changes = list(find_changes(made, now))
    if not changes:
        return None
    return f"parameter {list_first(changes, MAX_CHANGES, separator='; ')}"


def find_changes(before: Any, after: Any, where: str = "") -> Iterator[str]:
    """Yield the differences of two JSON values, each at its path: "a.b: 1 → 2"."""
    if before == after:
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in sorted(before.keys() | after.keys()):
            path = f"{where}.{key}" if where else key
            yield from find_changes(before.get(key, _ABSENT), after.get(key, _ABSENT), path)
    else:
        yield f"{where}: {_brief(before)} → {_brief(after)}"


def _explain_inputs(made: Mapping[str, str], now: Mapping[str, str]) -> str | None:
    changed = [name for name in sorted(made.keys() | now.keys()) if made.get(name) != now.get(name)]
    return f"input {', '.join(changed)} changed" if changed else None


def _explain_tools(tools: Mapping[str, str | None]) -> str | None:
    changes = [
        f"{tool} {before} → {installed_version(tool)}"
        for tool, before in sorted(tools.items())
        if before != installed_version(tool)
    ]
    return f"tool {', '.join(changes)}" if changes else None


def _brief(value: object) -> str:
    if value is _ABSENT:
        return "absent"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}…"  # noqa: PLR2004  # a line of the terminal
