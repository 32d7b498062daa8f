"""Listings: what a catalog says of its files, read from a models.json of whatever origin.

Only what publishing and checking need is read, so that the catalog of an older or newer version
is understood too. It opens no file.
"""

import json
from collections.abc import Iterator
from typing import Annotated, Any, Literal, NoReturn

from pydantic import BaseModel, ConfigDict, Field

from pipeline.disk.typed_json import InsidePath, NumBytes, Sha256, WrongJsonError, parse_json


class _Read(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)


class ListedFile(_Read):
    """A file that never changes."""

    path: InsidePath
    bytes: NumBytes
    sha256: Sha256


class ListedVariant(_Read):
    """An artifact of a model."""

    name: InsidePath
    files: list[ListedFile] = []


class ListedModel(_Read):
    """A model of a catalog."""

    name: InsidePath
    status: str
    model_path: Annotated[InsidePath | None, Field(alias="modelPath")]
    vectors: list[ListedFile] | None = None
    variants: list[ListedVariant]

    def listed(self) -> Iterator[ListedFile]:
        """Iterate over the files of the model."""
        yield from self.vectors or ()
        for variant in self.variants:
            yield from variant.files


class Listing(_Read):
    """A catalog."""

    schema_version: Annotated[Literal[1], Field(alias="schema")]
    models: list[ListedModel]


def parse_catalog(content: bytes) -> dict[str, Any]:
    """Read a catalog with all that it says; what `Listing` names has its types.

    Raises:
        WrongJsonError: It is none.
    """
    parse_json(Listing, content)
    try:
        catalog: dict[str, Any] = json.loads(content, parse_constant=_refuse)
    except ValueError as error:
        raise WrongJsonError(f"no JSON ({error})") from None
    return catalog


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number of JSON")
