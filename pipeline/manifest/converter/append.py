"""Adds models to the text of a manifest, which else stays as its author wrote it.

It opens no file.
"""

from collections.abc import Sequence

import yaml

from pipeline.errors import ManifestError

_EMPTY = "models:\n"


def append_entries(text: str, entries: Sequence[str]) -> str:
    """Return a manifest with entries at the end of its models.

    Args:
        text: The manifest; it may be empty.
        entries: Each as an item of a list in block style, not indented.

    Raises:
        ManifestError: The manifest is no YAML, or its models are not a list in block style.
    """
    lines = text.splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    place = _find_place(text)
    if place is None:
        lines += [*(["\n"] if lines else []), _EMPTY]
        place = (len(lines), 2)
    line, indent = place
    before, after = "".join(lines[:line]), "".join(lines[line:])
    added = "\n".join(_indent(entry, indent) for entry in entries)
    first = "" if before.endswith(_EMPTY) else "\n"
    last = "\n" if after and not after.startswith("\n") else ""
    return f"{before}{first}{added}{last}{after}"


def _find_place(text: str) -> tuple[int, int] | None:
    """Return the line behind the last model, and the column of the list's dashes."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise ManifestError(f"models.yaml is no YAML: {error}") from None
    pairs = root.value if isinstance(root, yaml.MappingNode) else []
    models = next((value for key, value in pairs if key.value == "models"), None)
    if models is None:
        if root is not None and not isinstance(root, yaml.MappingNode):
            raise ManifestError("models.yaml is no mapping; expected 'models:' in it")
        return None
    if isinstance(models, yaml.ScalarNode) and not models.value:
        return models.start_mark.line + 1, 2
    if not isinstance(models, yaml.SequenceNode) or models.flow_style:
        raise ManifestError(
            "models.yaml: 'models' is no list with a dash before each model",
            hint="print the entry without --append, and paste it",
        )
    # A sequence in block style ends where the next token begins: behind comments and blanks.
    end = _last_line(models.value[-1]) + 1
    return end, models.start_mark.column


def _last_line(node: yaml.Node) -> int:
    """Return the line that a node's text ends in."""
    if isinstance(node, yaml.MappingNode) and not node.flow_style:
        return _last_line(node.value[-1][1])
    if isinstance(node, yaml.SequenceNode) and not node.flow_style:
        return _last_line(node.value[-1])
    ends_line = node.end_mark.column == 0 and node.end_mark.line > node.start_mark.line
    return int(node.end_mark.line) - int(ends_line)


def _indent(entry: str, columns: int) -> str:
    return "".join(" " * columns + line for line in entry.splitlines(keepends=True))
