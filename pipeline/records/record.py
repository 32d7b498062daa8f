"""The base of all records: a frozen class that is read from a JSON file and written to one.

The name of a record's file stands in its class and nowhere else. Reading checks every field,
so a damaged file is found where it is read, with the place of the fault:

    signature.json: inputs[0].shape: found 'x'; expected a valid array
"""

from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, model_serializer
from pydantic.alias_generators import to_camel

from pipeline.disk.canonical import format_json
from pipeline.disk.typed_json import WrongJsonError, parse_json
from pipeline.errors import DamagedFileError


class Part(BaseModel):
    """A part of a record; its names in JSON are those of its fields."""

    model_config = ConfigDict(
        defer_build=True,
        extra="forbid",
        frozen=True,
        populate_by_name=True,
    )

    def to_json(self) -> dict[str, Any]:
        """Return the JSON value of it."""
        return self.model_dump(mode="json", by_alias=True)


class SparsePart(Part):
    """A part of a record that leaves some fields out of the JSON if they are None."""

    LEFT_OUT: ClassVar[frozenset[str]]
    """Names of these fields."""

    @model_serializer(mode="wrap")
    def _leave_out(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        wire: dict[str, Any] = handler(self)
        return {
            name: value
            for name, value in wire.items()
            if value is not None or name not in self.LEFT_OUT
        }


class CamelPart(Part):
    """A part of a record whose names in JSON are camelCase, as in the catalog."""

    model_config = ConfigDict(alias_generator=to_camel)


class Record(Part):
    """A record that is the whole of a file."""

    FILE: ClassVar[str]

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read the record of a step from its folder.

        Raises:
            DamagedFileError: The file is not what was written.
            OSError: It cannot be read.
        """
        try:
            return parse_json(cls, (folder / cls.FILE).read_bytes())
        except WrongJsonError as error:
            raise DamagedFileError(f"{cls.FILE}: {error}", folder=folder) from None

    def save(self, folder: Path) -> None:
        """Write the record into a step's folder, keys sorted."""
        (folder / self.FILE).write_bytes(format_json(self.to_json()))
