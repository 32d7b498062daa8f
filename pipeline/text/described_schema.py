"""JSON Schemas whose descriptions are the docstrings under the fields of pydantic's models.

`use_attribute_docstrings` reads the source of each model when it is imported: a fifth of the time
of `doit list`, which shows none of them.
"""

from collections.abc import Iterator
from inspect import get_annotations
from typing import Any

from pydantic import BaseModel
from pydantic._internal._docs_extraction import extract_docstrings_from_cls
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core.core_schema import ModelSchema


class DescribedSchema(GenerateJsonSchema):
    """Pydantic's generator, with the docstring of each field as its description."""

    def model_schema(self, schema: ModelSchema) -> dict[str, Any]:
        """Return the schema of a model, with descriptions."""
        made = super().model_schema(schema)
        kind = schema["cls"]
        for name, text in _docstrings(kind):
            field = made.get("properties", {}).get(kind.model_fields[name].alias or name)
            if field is not None:
                field.setdefault("description", text)
        return made


def _docstrings(kind: type[BaseModel]) -> Iterator[tuple[str, str]]:
    """Yield each field of a model with its docstring, in the class that declares it last."""
    left = set(kind.model_fields)
    for base in kind.__mro__:
        declared = left.intersection(get_annotations(base))
        found = extract_docstrings_from_cls(base, use_inspect=True) if declared else {}
        yield from ((name, found[name]) for name in sorted(declared.intersection(found)))
        left -= declared
