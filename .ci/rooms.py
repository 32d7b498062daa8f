"""Write the rooms of the package into CONTRIBUTING.md: `python .ci/rooms.py`.

The order is that of the import contract in pyproject.toml, and the sentence of a room is the
docstring of its package, so that the list says what the code says.
"""

import ast
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "CONTRIBUTING.md"
_BLOCK = re.compile(r"(?s)(<!-- rooms -->\n).*?(<!-- end of rooms -->)")


def format_rooms() -> str:
    """Return the list of rooms, from the top down: "audit/  Every result, download …"."""
    contract = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    layers = [layer.split(" | ") for layer in contract["contracts"][0]["layers"]]
    lines = [_line(room, shared=len(rooms) > 1) for rooms in layers for room in rooms]
    return "\n".join(["```", *lines, "```"])


def insert_rooms(page: str) -> str:
    """Return CONTRIBUTING.md with the list of rooms as it is now."""
    return _BLOCK.sub(lambda match: f"{match[1]}{format_rooms()}\n{match[2]}", page)


def _line(room: str, *, shared: bool) -> str:
    folder = ROOT / "pipeline" / room
    module = folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
    name = f"{room}/" if folder.is_dir() else f"{room}.py"
    docstring = ast.get_docstring(ast.parse(module.read_text())) or ""
    first = docstring.partition("\n\n")[0].replace("\n", " ")
    return f"{'|' if shared else ' '} {name:<12} {first}"


if __name__ == "__main__":
    PAGE.write_text(insert_rooms(PAGE.read_text()))
