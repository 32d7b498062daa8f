"""Sections: `zoo`, `defaults` and `models` turned from nodes into types, each with its faults.

It opens no file.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, get_args

from pydantic import ValidationError

from pipeline.manifest.fault import Fault, format_value
from pipeline.manifest.fields import Section
from pipeline.manifest.model import Defaults, Model
from pipeline.manifest.sentences import closest_field, describe_error, describe_unknown
from pipeline.manifest.yaml.yaml_reader import Location, YamlNode
from pipeline.manifest.zoo import ZooSection

SECTIONS = ("zoo", "defaults", "models")
NOTES_PREFIX = "x-"
"""Keys on the top level with this prefix are the author's own, as a place for anchors."""

_UNKNOWN = {"name": "unknown", "source": "."}  # replace wrong and missing values
_OWN_FIELDS = set(Model.model_fields) - set(Defaults.model_fields)


@dataclass(frozen=True, kw_only=True)
class ManifestModel:
    """A model, and its place in the file.

    Attributes:
        model: The model, with `defaults` applied and without wrong fields.
        path: Its path in the document: ("models", 3).
        node: Its mapping.
        defaults: The mapping `defaults`, or None where there is none.
    """

    model: Model
    path: Location
    node: YamlNode
    defaults: YamlNode | None

    def fault(self, location: Location, message: str, *, at_key: bool = False) -> Fault:
        """Return a fault of a field, with the line and column of the field."""
        inherited = location[:1] and location[0] in self.model.inherited
        if inherited and self.defaults is not None:
            return fault_at(self.defaults, ("defaults",), location, message, at_key=at_key)
        return fault_at(self.node, self.path, location, message, at_key=at_key)


@dataclass(frozen=True, kw_only=True)
class Sections:
    """The sections of a manifest without wrong fields, and its faults."""

    zoo: ZooSection = field(default_factory=ZooSection)
    models: list[ManifestModel] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


def read_sections(root: YamlNode) -> Sections:
    """Turn a manifest's topmost value into its sections."""
    faults: list[Fault] = []
    if root.entries is None:
        found = format_value(root.value)
        faults.append(fault_at(root, (), (), f"found {found}; expected a mapping with 'models:'"))
        return Sections(faults=faults)
    known = [key for key in root.entries if not key.startswith(NOTES_PREFIX)]
    for key in known:
        if key not in SECTIONS:
            message = _describe_misplaced(key) or describe_unknown(key, SECTIONS)
            faults.append(fault_at(root, (), (key,), message, at_key=True))
    meant = {closest_field(key, SECTIONS) for key in known}
    if "models" not in meant:
        faults.append(fault_at(root, (), (), "'models' is missing; expected a list of models"))
    zoo = _validate_section(ZooSection, root, "zoo", faults)
    shared = _validate_section(Defaults, root, "defaults", faults)
    models = _read_models(root, shared, faults)
    return Sections(zoo=ZooSection.model_validate(zoo), models=models, faults=faults)


def fault_at(
    node: YamlNode, prefix: Location, location: Location, message: str, *, at_key: bool = False
) -> Fault:
    """Return a fault at a value or key below a node.

    Args:
        node: The node where the location begins.
        prefix: Path of the node.
        location: Keys and indices below the node; the fault is at the last value that exists.
        message: Message of the fault.
        at_key: Whether the key is wrong rather than its value.
    """
    spot = node
    for depth, step in enumerate(location):
        if isinstance(step, int):
            if spot.items is None or step >= len(spot.items):
                break
            spot = spot.items[step]
        elif spot.entries is None or step not in spot.entries:
            break
        else:
            entry = spot.entries[step]
            spot = entry.key if at_key and depth == len(location) - 1 else entry.node
    return Fault(line=spot.line, column=spot.column, path=(*prefix, *location), message=message)


def _validate_section(
    kind: type[Section], root: YamlNode, name: str, faults: list[Fault]
) -> dict[str, Any]:
    """Return the right fields of a section, and add the faults of the wrong fields."""
    entry = (root.entries or {}).get(name)
    if entry is None:
        return {}
    if entry.node.entries is None:
        found = format_value(entry.node.value)
        faults.append(fault_at(root, (), (name,), f"found {found}; expected a mapping"))
        return {}
    try:
        kind.model_validate(entry.node.value)
    except ValidationError as error:
        faults += _describe(error, entry.node, (name,), kind)
        wrong = {details["loc"][0] for details in error.errors() if details["loc"]}
        return {key: value for key, value in entry.node.value.items() if key not in wrong}
    return dict(entry.node.value)


def _read_models(
    root: YamlNode, shared: dict[str, Any], faults: list[Fault]
) -> list[ManifestModel]:
    """Return the models without wrong fields, and add the faults of these fields."""
    entries = root.entries or {}
    if "models" not in entries:
        return []
    listed = entries["models"].node
    if not listed.items:
        found = format_value(listed.value)
        expected = "expected a list with a model: '- {name: my-model, source: folder/of/it}'"
        faults.append(fault_at(root, (), ("models",), f"found {found}; {expected}"))
        return []
    defaults = entries["defaults"].node if "defaults" in entries else None
    models = []
    for index, node in enumerate(listed.items):
        path: Location = ("models", index)
        if node.entries is None:
            found = format_value(node.value)
            message = f"found {found}; expected a mapping with 'name' and 'source'"
            faults.append(fault_at(node, path, (), message))
            continue
        inherited = frozenset(shared.keys() - node.entries.keys())
        try:
            model = Model.model_validate({**shared, **node.value}, context={"inherited": inherited})
        except ValidationError as error:
            faults += _describe(error, node, path, Model)
            model = _repair(error, {**shared, **node.value}, inherited)
        models += [
            ManifestModel(model=one, path=path, node=node, defaults=defaults)
            for one in model.split()
        ]
    return models


def _repair(error: ValidationError, value: dict[str, Any], inherited: frozenset[str]) -> Model:
    """Return a model without its wrong fields, so that the others are checked too."""
    wrong = {details["loc"][0] for details in error.errors()}
    right = {key: field for key, field in value.items() if key not in wrong}
    return Model.model_validate(_UNKNOWN | right, context={"inherited": inherited})


def _describe(
    error: ValidationError, node: YamlNode, prefix: Location, kind: type[Section]
) -> Iterator[Fault]:
    """Turn pydantic's errors in a section into faults."""
    errors = error.errors(include_url=False)
    unknown = [details["loc"] for details in errors if details["type"] == "extra_forbidden"]
    meant = {(*loc[:-1], closest_field(str(loc[-1]), _fields_at(kind, loc))) for loc in unknown}
    for details in errors:
        location = details["loc"]
        if details["type"] == "missing":
            if location not in meant:
                last = location[-1]
                message = (
                    f"{last!r} is missing" if isinstance(last, str) else "the list is too short"
                )
                yield fault_at(node, prefix, location[:-1], message)
        elif details["type"] == "extra_forbidden":
            message = _describe_extra(str(location[-1]), location, kind)
            yield fault_at(node, prefix, location, message, at_key=True)
        elif location[-1:] == ("[key]",):
            yield fault_at(node, prefix, location[:-1], describe_error(details), at_key=True)
        else:
            yield fault_at(node, prefix, location, describe_error(details))


def _describe_extra(name: str, location: Location, kind: type[Section]) -> str:
    if kind is Defaults and len(location) == 1 and name in _OWN_FIELDS:
        return f"{name!r} is a model's own; expected it below 'models'"
    misplaced = _describe_misplaced(name) if kind is ZooSection else None
    return misplaced or describe_unknown(name, _fields_at(kind, location))


def _describe_misplaced(name: str) -> str | None:
    """Return the message for a field of models that stands outside of them, else None."""
    if name not in Defaults.model_fields:
        return None
    return f"{name!r} belongs to a model; expected it below 'defaults', for all, or below 'models'"


def _fields_at(kind: type[Section], location: Location) -> list[str]:
    """Return the fields of the section that a location ends in."""
    for step in location[:-1]:
        if isinstance(step, str) and step in kind.model_fields:
            kind = _section_in(kind.model_fields[step].annotation) or kind
    return list(kind.model_fields)


def _section_in(annotation: Any) -> type[Section] | None:
    """Return the section that a type has: `Variant` for `tuple[Variant, ...]`; None if none."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    return next(filter(None, map(_section_in, get_args(annotation))), None)
