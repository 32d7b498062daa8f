"""Pieces of code: JavaScript in colours, of which the page replaces some. Pure."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal["code", "comment", "string"]
Fill = Literal["url", "loader", "path", "variant", "example"]


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A piece of code.

    Attributes:
        text: The code.
        kind: The kind of token, which decides its colour.
        fill: The value by which the page replaces it; None for a piece that stays.
    """

    text: str
    kind: Kind = "code"
    fill: Fill | None = None


Snippet = Sequence[Piece]


def string(text: str, fill: Fill | None = None) -> Piece:
    """Return a text as a string of JavaScript."""
    return Piece(text=json.dumps(text, ensure_ascii=False), kind="string", fill=fill)


def line(*parts: str | Piece) -> Iterator[Piece]:
    """Yield the pieces of a line."""
    for part in parts:
        piece = Piece(text=part) if isinstance(part, str) else part
        if piece.text:
            yield piece
    yield Piece(text="\n")


def comment(text: str) -> Piece:
    """Return a comment: "// as it was trained"."""
    return Piece(text=f"// {text}", kind="comment")
