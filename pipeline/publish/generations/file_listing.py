"""A published catalog, read from a models.json of any version of tfjs-zoo.

Publishing and checking need the names, statuses and files of models, and nothing else. So only
these fields have types here; all other fields are kept as they stand. It opens no file.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Literal, NoReturn, Self

from pydantic import BaseModel, ConfigDict, Field

from pipeline.disk.canonical import format_json
from pipeline.disk.typed_json import InsidePath, NumBytes, Sha256, WrongJsonError, parse_json


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)


class ListedFile(_Part):
    """A file that never changes."""

    path: InsidePath
    bytes: NumBytes
    sha256: Sha256


class ListedVariant(_Part):
    """A variant of a model: its name and its files."""

    name: InsidePath
    files: list[ListedFile] = []


class ListedModel(_Part):
    """A model of a catalog: its name, its status and its files."""

    name: InsidePath
    status: str
    reason: str | None = None
    model_path: Annotated[InsidePath | None, Field(alias="modelPath")]
    vectors: list[ListedFile] | None = None
    label_files: Annotated[list[ListedFile] | None, Field(alias="labelFiles")] = None
    card_files: Annotated[list[ListedFile] | None, Field(alias="cardFiles")] = None
    tokenizer: ListedFile | None = None
    variants: list[ListedVariant]

    def files(self) -> Iterator[ListedFile]:
        """Iterate over the files of the model."""
        yield from self.vectors or ()
        yield from self.label_files or ()
        yield from self.card_files or ()
        yield from [self.tokenizer] if self.tokenizer else []
        for variant in self.variants:
            yield from variant.files


class FileListing(_Part):
    """The models of a catalog, each with its files."""

    schema_version: Annotated[Literal[1], Field(alias="schema")]
    models: list[ListedModel]


@dataclass(frozen=True, kw_only=True)
class PublishedCatalog:
    """A catalog to be published, or one that was.

    Attributes:
        listing: Its models and their files.
        content: Its text, the models.json.
    """

    listing: FileListing
    content: bytes

    @cached_property
    def document(self) -> Mapping[str, Any]:
        """The decoded models.json, with fields of other versions too."""
        document: Mapping[str, Any] = json.loads(self.content)
        return document

    @property
    def models(self) -> list[ListedModel]:
        """Its models, in the order of the catalog."""
        return self.listing.models

    @property
    def num_models(self) -> int:
        """Number of models that can be loaded."""
        return sum(bool(model.model_path) for model in self.models)

    def pairs(self) -> Iterator[tuple[ListedModel, Mapping[str, Any]]]:
        """Iterate over the models, each with its whole entry in the document."""
        return zip(self.models, self.document["models"], strict=True)

    def with_entries(self, entries: list[Mapping[str, Any]]) -> Self:
        """Return the catalog with other entries of models."""
        document = {**self.document, "models": entries}
        listing = FileListing.model_validate(document)
        return type(self)(listing=listing, content=format_json(document))


def parse_published(content: bytes) -> PublishedCatalog:
    """Read a models.json.

    Raises:
        WrongJsonError: The content is no catalog.
    """
    listing = parse_json(FileListing, content)
    # pydantic takes NaN and Infinity, which browsers refuse; few texts have these letters at all.
    if b"NaN" in content or b"Infinity" in content:
        try:
            json.loads(content, parse_constant=_refuse)
        except ValueError as error:
            raise WrongJsonError(f"no JSON ({error})") from None
    return PublishedCatalog(listing=listing, content=content)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number of JSON")
