"""Paths after `#`: where a model lies in an archive, a package or a repository."""

from pipeline.errors import SourceError


def parse_inside(text: str, fragment: str) -> str | None:
    """Return the path after `#` in its plain form, None for the root.

    Args:
        text: The source as messages show it.
        fragment: What stands after `#` in it.

    Raises:
        SourceError: It is absolute or leads out.
    """
    if fragment.startswith("/") or "\\" in fragment:
        raise SourceError(f"{text!r}: the path after '#' starts at the root, without '/' before it")
    parts = [part for part in fragment.split("/") if part not in {"", "."}]
    if ".." in parts:
        raise SourceError(f"{text!r}: the path after '#' must stay inside; expected no '..'")
    return "/".join(parts) or None
