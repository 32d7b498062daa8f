"""Our own JSON records, read into types, although somebody may have damaged them.

Whatever the bytes are (no UTF-8, nested a million times, a number in place of a list), the
answer is a value of the type, or an error that says where, what was found and what was expected.
JSON in others' formats, such as model.json, is read by `pipeline.disk.json_value`. This module
opens no file.
"""

import functools
import re
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError

from pipeline.text.printable import printable

T = TypeVar("T")
_MAX_SHOWN = 40
# The longest path on macOS, and the longest key in object stores.
_MAX_PATH = 1024
# Control characters, and halves of surrogate pairs, which no encoding takes.
_NO_NAME = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\\]")


class WrongJsonError(ValueError):
    """Bytes are not JSON of the wanted type: "models[0].name: found 7; expected a valid string"."""


def is_inside(path: str) -> bool:
    """Say whether a path stays below its folder, and every file system and server takes it.

    "a/b.bin" does; "../b.bin", "/b.bin" and "a//b.bin" do not.
    """
    parts = path.split("/")
    odd = {"", ".", ".."} & set(parts) or _NO_NAME.search(path)
    return not odd and len(path) <= _MAX_PATH


def _check_inside(path: str) -> str:
    if not is_inside(path):
        raise ValueError("a path below the folder, without '..' and control characters")
    return path


InsidePath = Annotated[str, AfterValidator(_check_inside)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
NumBytes = Annotated[int, Field(ge=0, lt=2**63)]
Number = Annotated[int, Field(ge=0, lt=10**9)]


def parse_json(kind: type[T], content: bytes) -> T:
    """Read JSON into a type: a dataclass, or anything else that pydantic knows.

    Raises:
        WrongJsonError: The bytes are no JSON, or of another type:
            "models[0].name: found 7; expected a valid string".
    """
    try:
        value: T = _adapter(kind).validate_json(content, strict=True)  # type: ignore[arg-type]
    except ValidationError as error:
        raise WrongJsonError(describe_fault(error)) from None
    return value


@functools.cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def describe_fault(error: ValidationError) -> str:
    """Return the first fault: "models[0].name: found 7; expected a valid string"."""
    first: Any = error.errors(include_url=False)[0]
    if first["type"] == "json_invalid":
        return printable(f"no JSON ({first['ctx']['error']})", limit=200)
    where = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in first["loc"])
    place = f"{where.lstrip('.')}: " if where else ""
    if first["type"] == "missing":
        return printable(f"{place}is missing", limit=200)
    if first["type"] in {"extra_forbidden", "unexpected_keyword_argument"}:
        return printable(f"{place}is not known", limit=200)
    expected = first["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
    found = printable(repr(first["input"]), limit=_MAX_SHOWN)
    return printable(f"{place}found {found}; expected {expected}", limit=300)
