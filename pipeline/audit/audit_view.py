"""The result of an audit as lines of a terminal. Pure."""

from collections.abc import Sequence

from pipeline.audit.audit import Audit
from pipeline.audit.damage import ZooPart
from pipeline.text.line import BLANK, Line
from pipeline.text.printable import printable
from pipeline.text.quantity import count, format_bytes

_PARTS: dict[ZooPart, str] = {"results": "results", "cache": "the cache", "dist": "{output}/"}


def format_audit(audit: Audit, *, output: str) -> list[Line]:
    """Return the number of checked files, and a line about each damage.

    Args:
        audit: The result.
        output: Name of dist/ in the manifest.
    """
    read = ", ".join(
        f"{count(audit.files.get(part, 0), 'file')} of {name.format(output=output)}"
        for part, name in _PARTS.items()
    )
    summary = f"checked {read}: {format_bytes(audit.bytes)}"
    if not audit.damages:
        return [((f"{summary}; all are as they were made", "good"),)]
    width = max(len(printable(damage.where)) for damage in audit.damages)
    lines: list[Line] = [
        (("  " + printable(damage.where).ljust(width), ""), (f"  {printable(damage.found)}", "bad"))
        for damage in audit.damages
    ]
    return [*lines, BLANK, ((summary, ""),)]


def format_advice(audit: Audit) -> list[Line]:
    """Return the advice to repair the damage."""
    damaged = f"{count(len(audit.damages), 'thing')} damaged"
    text = f"{damaged}; `tfjs-zoo check --repair` removes them, and the next run makes them again"
    return [((text, "bad"),)]


def format_repaired(audit: Audit, faults: Sequence[OSError]) -> list[Line]:
    """Return the result of a repair: the faults of removing, or the number of removed things."""
    lines: list[Line] = [
        ((printable(f"{fault.filename}: {fault.strerror}; let it be removed"), "bad"),)
        for fault in faults
    ]
    text = f"{count(len(audit.damages), 'thing')} damaged and removed; a run makes them again"
    return lines or [((text, "good"),)]
