"""Reads YAML into values with their line and column. It opens no file.

PyYAML's parser (libyaml, if the wheel has it) delivers events. The values are made here for three
reasons: each keeps its line and column; words mean what people expect (see `scalar.py`); and no
file can construct an object, recurse without end or expand beyond a limit. Anchors, aliases and
merge keys (`<<`) work.
"""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import yaml

from pipeline.manifest.fault import Fault, format_value
from pipeline.manifest.yaml.scalar import WORDS_OF_YAML_1_1, parse_scalar
from pipeline.manifest.yaml.yaml_syntax import LINE_BREAK, show_line, syntax_fault

Location = tuple[str | int, ...]

_DEPTH_MAX = 50
_EXPANDED_MIN = 100_000
_EXPANDED_RATIO = 10  # values that aliases may make of each written character
_AMBIGUOUS = "{} without quotes is a boolean to some readers of YAML and text to others"
_CORE = "tag:yaml.org,2002:"
# libyaml looks ahead and, since the wheels of PyYAML 6.0.4, refuses depth before our limit is
# met. PyYAML's own parser delivers what stands before, so that the fault has its place.
_TOO_DEEP = "maximum nesting depth"
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class YamlNode:
    """A value and its place.

    Attributes:
        line: Line in the file, from 1.
        column: Character in the line, from 1.
        value: Plain value: str, int, float, bool, None, list or dict with text keys.
        items: Nodes of a list's values, else None.
        entries: Entries of a mapping, by key, else None.
        size: How many values it holds, itself included, each alias counted in full.
    """

    __slots__ = ("column", "entries", "items", "line", "size", "value")

    def __init__(self, mark: Any, value: Any) -> None:
        self.line: int = mark.line + 1
        self.column: int = mark.column + 1
        self.value = value
        self.items: list[YamlNode] | None = None
        self.entries: dict[str, YamlEntry] | None = None
        self.size = 1


class YamlEntry(NamedTuple):
    """A key of a mapping with its value."""

    key: YamlNode
    node: YamlNode


class YamlDocument(NamedTuple):
    """A text that was read.

    Attributes:
        root: The topmost value; None for an empty text, and for one that cannot be read.
        faults: All faults of the YAML itself; the values are still as their author meant them.
    """

    root: YamlNode | None
    faults: tuple[Fault, ...]


class _Unreadable(Exception):  # noqa: N818  # not an error for anybody but read_yaml
    """Reading cannot go on; the fault is already noted."""


def read_yaml(text: str, *, loader: Any = _LOADER) -> YamlDocument:
    """Read one YAML document, with the place of each value.

    Args:
        text: The document, without a byte order mark.
        loader: The loader of PyYAML whose parser is used.
    """
    if fault := _find_unprintable(text):
        return YamlDocument(None, (fault,))
    reader = _Reader(text, loader)
    root = None
    try:
        root = reader.read_document()
    except _Unreadable:
        pass
    except yaml.MarkedYAMLError as error:
        if _TOO_DEEP in (error.problem or "") and loader is not yaml.SafeLoader:
            return read_yaml(text, loader=yaml.SafeLoader)
        reader.faults.append(syntax_fault(error, text))
    return YamlDocument(root, tuple(reader.faults))


def _find_unprintable(text: str) -> Fault | None:
    match = yaml.reader.Reader.NON_PRINTABLE.search(text)
    if match is None:
        return None
    lines = LINE_BREAK.split(text[: match.start()])
    rest = LINE_BREAK.split(text[match.start() + 1 :])[0]
    line, column = len(lines), len(lines[-1])
    return Fault(
        line=line,
        column=column + 1,
        path=(),
        message=f"the character U+{ord(match.group()):04X} may not stand in YAML",
        excerpt=show_line(f"{lines[-1]}\N{REPLACEMENT CHARACTER}{rest}", column),
    )


class _Reader:
    """One pass over the events of a text."""

    def __init__(self, text: str, loader: Any) -> None:
        self.events: Iterator[Any] = iter(yaml.parse(text, Loader=loader))
        self.faults: list[Fault] = []
        self.anchors: dict[str, YamlNode | None] = {}
        self.expanded_max = _EXPANDED_MIN + _EXPANDED_RATIO * len(text)

    def read_document(self) -> YamlNode | None:
        """Return the root of the first document; a second one is a fault."""
        root = None
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                if root is not None:
                    self.fault(event.start_mark, (), "a second document; a manifest is one")
                    break
                root = self.read_node(next(self.events), ())
        return root

    def read_node(self, event: Any, path: Location) -> YamlNode:
        """Return the value that begins with an event."""
        if isinstance(event, yaml.AliasEvent):
            return self.read_alias(event, path)
        if event.anchor is not None:
            self.anchors[event.anchor] = None
        if isinstance(event, yaml.ScalarEvent):
            node = YamlNode(event.start_mark, self.read_scalar(event, path))
        elif len(path) > _DEPTH_MAX:
            self.fault(event.start_mark, path[:3], f"nested more than {_DEPTH_MAX} levels deep")
            raise _Unreadable
        elif isinstance(event, yaml.SequenceStartEvent):
            self.check_tag(event, path, "seq")
            node = self.read_sequence(event, path)
        else:
            self.check_tag(event, path, "map")
            node = self.read_mapping(event, path)
        if node.size > self.expanded_max:
            message = f"its aliases stand for {node.size:,} values"
            limit = f"expected at most {self.expanded_max:,}"
            self.fault(event.start_mark, path, f"{message}; {limit}")
            raise _Unreadable
        if event.anchor is not None:
            self.anchors[event.anchor] = node
        return node

    def read_alias(self, event: Any, path: Location) -> YamlNode:
        """Return the node of an anchor; a wrong alias is a fault, and its value is None."""
        node = self.anchors.get(event.anchor)
        if node is not None:
            return node
        if event.anchor in self.anchors:
            message = f"'*{event.anchor}' stands inside the value that it names"
        else:
            message = (
                f"'*{event.anchor}' names no anchor '&{event.anchor}' above it; "
                "a pattern is written in quotes"
            )
        self.fault(event.start_mark, path, message)
        return YamlNode(event.start_mark, None)

    def read_scalar(self, event: Any, path: Location) -> Any:
        """Return a scalar's value."""
        text: str = event.value
        plain, quoted = event.implicit
        if quoted or event.tag == "!":
            return text
        if not plain:
            return self.read_tagged(event, path)
        if text in WORDS_OF_YAML_1_1:
            meant = text.lower() in {"yes", "on"}
            write = f"{'true' if meant else 'false'}, or '{text}' in quotes"
            self.fault(event.start_mark, path, f"{_AMBIGUOUS.format(text)}; write {write}")
            return meant
        value = parse_scalar(text)
        if isinstance(value, float) and not math.isfinite(value):
            self.fault(event.start_mark, path, f"{text} is not finite; JSON has no such number")
            return 0.0
        return value

    def read_tagged(self, event: Any, path: Location) -> Any:
        """Return the value of a scalar that has a tag of YAML's own."""
        value = parse_scalar(event.value)
        kinds = {"str": str, "int": int, "float": float, "bool": bool, "null": type(None)}
        kind = kinds.get(event.tag.removeprefix(_CORE))
        if kind is str:
            return event.value
        if kind is None:
            self.check_tag(event, path, "str")
        elif kind is float and type(value) is int:
            return float(value)
        elif type(value) is not kind:
            self.fault(event.start_mark, path, f"{event.value!r} is not what its tag says")
        return value

    def check_tag(self, event: Any, path: Location, usual: str) -> None:
        """Refuse a tag, unless it is the usual tag of such a value."""
        if event.tag not in {None, "!", _CORE + usual}:
            tag = event.tag.replace(_CORE, "!!")
            self.fault(event.start_mark, path, f"the tag {tag} is refused; write the plain value")

    def read_sequence(self, event: Any, path: Location) -> YamlNode:
        """Return a list."""
        node = YamlNode(event.start_mark, [])
        node.items = []
        for item in self.events:
            if isinstance(item, yaml.SequenceEndEvent):
                break
            child = self.read_node(item, (*path, len(node.items)))
            node.items.append(child)
            node.value.append(child.value)
            node.size += child.size
        return node

    def read_mapping(self, event: Any, path: Location) -> YamlNode:
        """Return a mapping; its own keys win over merged keys."""
        node = YamlNode(event.start_mark, {})
        entries: dict[str, YamlEntry] = {}
        merged: list[YamlNode] = []
        for item in self.events:
            if isinstance(item, yaml.MappingEndEvent):
                break
            merge = isinstance(item, yaml.ScalarEvent) and item.value == "<<" and item.implicit[0]
            key = self.read_key(item, path)
            noted = len(self.faults)
            child = self.read_node(next(self.events), (*path, key.value))
            node.size += child.size
            if merge:
                if noted == len(self.faults):
                    merged.extend(self.read_merged(child, path))
            elif key.value in entries:
                first = entries[key.value].key.line
                message = f"{key.value!r} is written twice, first in line {first}"
                self.faults.append(
                    Fault(line=key.line, column=key.column, path=path, message=message)
                )
            else:
                entries[key.value] = YamlEntry(key, child)
        for other in merged:
            entries = {**(other.entries or {}), **entries}
        node.entries = entries
        node.value.update((key, entry.node.value) for key, entry in entries.items())
        return node

    def read_key(self, event: Any, path: Location) -> YamlNode:
        """Return a key as text; another kind of key is a fault, and is read as it is spelled."""
        if not isinstance(event, yaml.ScalarEvent):
            self.fault(event.start_mark, path, "a key is text, not a list, a mapping or an alias")
            raise _Unreadable
        if event.value == "<<" and event.implicit[0]:
            return YamlNode(event.start_mark, "<<")
        plain, _ = event.implicit
        value = parse_scalar(event.value) if plain else event.value
        if plain and event.value in WORDS_OF_YAML_1_1:
            message = f"{_AMBIGUOUS.format(event.value)}; write '{event.value}' in quotes"
            self.fault(event.start_mark, path, message)
        elif not isinstance(value, str):
            message = f"a key is text, not {format_value(value)}; write '{event.value}' in quotes"
            self.fault(event.start_mark, path, message)
        self.check_tag(event, path, "str")
        node = YamlNode(event.start_mark, event.value)
        if event.anchor is not None:
            self.anchors[event.anchor] = node
        return node

    def read_merged(self, node: YamlNode, path: Location) -> list[YamlNode]:
        """Return the mappings that a merge key names, the strongest first."""
        nodes = [node] if node.items is None else node.items
        if all(other.entries is not None for other in nodes):
            return nodes
        message = "'<<' merges mappings; expected an alias such as *common, or a list of them"
        self.faults.append(Fault(line=node.line, column=node.column, path=path, message=message))
        return []

    def fault(self, mark: Any, path: Location, message: str) -> None:
        """Note a fault."""
        self.faults.append(
            Fault(line=mark.line + 1, column=mark.column + 1, path=path, message=message)
        )
