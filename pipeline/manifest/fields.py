"""Kinds of field: texts, numbers and lists as people write them, as pydantic types.

Booleans, numbers and texts are never turned into one another: `strict` holds everywhere.
It opens no file.
"""

import re
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from pipeline.formats.table import INPUT_FORMATS
from pipeline.manifest.fault import format_value
from pipeline.manifest.license_expression import parse_license

NAME_PATTERN = r"^[a-z0-9][a-z0-9._-]*$"
VARIANT_PATTERN = r"^[a-z0-9][a-z0-9_-]*$"
ROLE_PATTERN = r"^[A-Za-z][A-Za-z0-9_]*$"
URL_PATTERN = r"^https?://[^\s/]+\S*$"
SHA256_PATTERN = r"^[0-9a-fA-F]{64}$"
OUTPUT_PATTERN = r"^[^/\\:][^\\:]*$"

PATTERN_WORDS = {
    NAME_PATTERN: "lower-case letters, digits, '.', '_' and '-', a letter or digit first",
    VARIANT_PATTERN: "lower-case letters, digits, '_' and '-', a letter or digit first",
    ROLE_PATTERN: "a role's name: letters, digits and '_', a letter first",
    URL_PATTERN: "a URL that begins with https:// or http://",
    SHA256_PATTERN: "64 hexadecimal digits",
    OUTPUT_PATTERN: "a folder relative to models.yaml, with '/' between its parts",
}
"""What each pattern asks for, in words."""

_NUMBER = r"-?\d+(?:\.\d+)?"
_RANGE = re.compile(rf"^(?P<path>.+)#(?P<low>{_NUMBER})\.\.(?P<high>{_NUMBER})$")
_NUMBERS = re.compile(rf"[\[(]?{_NUMBER}[-.,:; ]+{_NUMBER}[\])]?")


class Section(BaseModel):
    """A mapping of the manifest: unknown fields are faults, values do not change."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
    )


def fault(message: str) -> PydanticCustomError:
    """Return the exception by which a validator states a fault in our words."""
    return PydanticCustomError("fault", "{message}", {"message": message})


def _check_license(text: str) -> str:
    try:
        return parse_license(text)
    except ValueError as error:
        raise fault(str(error)) from None


def _split_commas(value: Any) -> Any:
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


def _parse_weights(value: Any) -> Any:
    if value is True:
        return ["*"]
    if value is False:
        return []
    if isinstance(value, str) and value.lower() in {"true", "false"}:
        raise fault(
            f"{value!r} in quotes is a pattern for weights of this name; "
            f"write {value.lower()} without quotes"
        )
    value = _split_commas(value)
    if not isinstance(value, list) or not value:
        raise fault(f"found {format_value(value)}; expected true, a pattern or a list of patterns")
    return value


def _parse_metadata(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    pairs = [part.partition(":") for part in value.split(",")]
    if not all(key.strip() and path.strip() for key, _, path in pairs):
        raise fault(f"found the text {value!r}; expected 'key:path/metadata.json' or a mapping")
    return {key.strip(): path.strip() for key, _, path in pairs}


def _check_metadata_value(value: Any) -> Any:
    if isinstance(value, dict | list) or (isinstance(value, str) and value.endswith(".json")):
        return value
    raise fault(f"found {format_value(value)}; expected a path to a .json file, or a mapping")


def _check_test_input(value: Any) -> Any:
    files = list(value.values()) if isinstance(value, dict) else [value]
    if files and all(isinstance(file, str) and file for file in files):
        for file in files:
            _check_range(file)
        return value
    raise fault(f"found {format_value(value)}; expected a file, or a mapping of inputs to files")


def split_range(file: str) -> tuple[str, tuple[float, float] | None]:
    """Return a test input's path and the range of its pixels: "a.jpg#-1..1" has (-1, 1).

    Without a range the second part is None.
    """
    stated = _RANGE.match(file)
    if stated is None:
        return file, None
    return stated["path"], (float(stated["low"]), float(stated["high"]))


def _check_range(file: str) -> None:
    path, hash_sign, end = file.rpartition("#")
    stated = split_range(file)[1]
    if stated is None and hash_sign and _NUMBERS.fullmatch(end):
        raise fault(f"found {file!r}; expected a range such as '{path}#-1..1'")
    if stated is not None and not stated[0] < stated[1]:
        raise fault(f"found {file!r}; expected the lower number first")


def _name_signatures(value: Any) -> Any:
    """Return signatures by the end of a model's name: ["Encode text"] is {"encode-text": …}."""
    if value in ([], {}) or not isinstance(value, list | dict):
        raise fault(
            f"found {format_value(value)}; expected keys of signatures, as in [encode, decode]; "
            "`tfjs-zoo inspect SOURCE` lists those of a source"
        )
    if isinstance(value, dict):
        return value
    named: dict[str, Any] = {}
    for key in value:
        if not isinstance(key, str):
            raise fault(f"found {format_value(key)}; expected the key of a signature")
        name = re.sub(r"[^a-z0-9._-]+", "-", key.lower()).strip("-._")
        if not name or name in named:
            likeness = f"ends like that of {named[name]!r}" if name else "has no letter of a name"
            raise fault(
                f"the model of signature {key!r} {likeness}; expected a mapping of names to "
                f"signatures: {{my-name: {key}}}"
            )
        named[name] = key
    return named


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str | dict) else value


Text = Annotated[str, StringConstraints(min_length=1)]
Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN, max_length=100)]
Role = Annotated[str, StringConstraints(pattern=ROLE_PATTERN)]
Url = Annotated[str, StringConstraints(pattern=URL_PATTERN)]
Sha256 = Annotated[str, StringConstraints(pattern=SHA256_PATTERN), AfterValidator(str.lower)]
License = Annotated[Text, AfterValidator(_check_license)]
Fraction = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(gt=0, le=1)]
Bytes = Annotated[int, Field(gt=0)]
Seconds = Annotated[float, Field(gt=0)]

Tags = Annotated[tuple[Name, ...], Field(strict=False)]

_TEXTS_SCHEMA = {"type": "array", "items": {"type": "string", "minLength": 1}}
Texts = Annotated[
    tuple[Text, ...],
    Field(strict=False),
    BeforeValidator(_split_commas),
    WithJsonSchema({"anyOf": [{"type": "string"}, _TEXTS_SCHEMA]}),
]
"""A list of texts, or one text with commas, as on the converter's command line."""

Signatures = Annotated[
    dict[Name, Text],
    BeforeValidator(_name_signatures),
    WithJsonSchema(
        {
            "anyOf": [
                _TEXTS_SCHEMA | {"minItems": 1, "uniqueItems": True},
                {
                    "type": "object",
                    "minProperties": 1,
                    "propertyNames": {"pattern": NAME_PATTERN},
                    "additionalProperties": {"type": "string", "minLength": 1},
                },
            ]
        }
    ),
]
"""Keys of signatures by the end of a model's name; written as a list of keys, or a mapping."""

Weights = Annotated[
    tuple[Text, ...],
    Field(strict=False),
    BeforeValidator(_parse_weights),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "boolean"},
                {"type": "string", "minLength": 1, "not": {"enum": ["true", "True", "TRUE"]}},
                _TEXTS_SCHEMA | {"minItems": 1},
            ]
        }
    ),
]
"""Which weights: patterns, `("*",)` for `true` and `()` for `false`."""

Metadata = Annotated[
    dict[Text, Annotated[Any, AfterValidator(_check_metadata_value)]],
    BeforeValidator(_parse_metadata),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": "^[^:,]+:[^:,]+(,[^:,]+:[^:,]+)*$"},
                {
                    "type": "object",
                    "additionalProperties": {
                        "anyOf": [
                            {"type": "string", "pattern": "\\.json$"},
                            {"type": "object"},
                            {"type": "array"},
                        ]
                    },
                },
            ]
        }
    ),
]

_TEST_INPUT_SCHEMA: dict[str, Any] = {
    "anyOf": [
        {"type": "string", "minLength": 1},
        {
            "type": "object",
            "additionalProperties": {"type": "string", "minLength": 1},
            "minProperties": 1,
        },
    ]
}
TestInputs = Annotated[
    tuple[Annotated[Any, AfterValidator(_check_test_input)], ...],
    Field(strict=False),
    BeforeValidator(_listed),
    WithJsonSchema(
        {"anyOf": [*_TEST_INPUT_SCHEMA["anyOf"], {"type": "array", "items": _TEST_INPUT_SCHEMA}]}
    ),
]

if TYPE_CHECKING:
    InputFormat = str
else:
    # A literal of the table's names, which no type checker can read.
    InputFormat = Literal[INPUT_FORMATS]
Dtype = Literal["float16", "uint8", "uint16"]
Backend = Literal["wasm", "cpu", "webgl", "webgpu"]
