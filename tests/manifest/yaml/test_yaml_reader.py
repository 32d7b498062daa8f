"""YAML values with their places, words that mean what people expect, and no surprises."""

from typing import Any

import pytest
import yaml
from paths import DATA

from pipeline.manifest.yaml.yaml_reader import YamlNode, read_yaml

GOOD = DATA / "manifest/good.yaml"


def value_of(text: str) -> Any:
    """Return the plain value of a text without faults."""
    document = read_yaml(text)

    assert document.faults == ()
    assert document.root is not None
    return document.root.value


def faults_of(text: str) -> list[tuple[int, int, str]]:
    """Return line, column and message of each fault."""
    return [(fault.line, fault.column, fault.message) for fault in read_yaml(text).faults]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("1.0e-3", 0.001),
        ("-2E+4", -20000.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("0x1F", 31),
        ("0o17", 15),
        ("0777", 777),
        ("+7", 7),
        ("1:30", "1:30"),
        ("1_000", "1_000"),
        ("2024-01-31", "2024-01-31"),
        ("1.2.3", "1.2.3"),
        ("e3", "e3"),
        (".", "."),
        ("-", [None]),
        ("True", True),
        ("FALSE", False),
        ("tRUE", "tRUE"),
        ("~", None),
        ("'yes'", "yes"),
        ('"1"', "1"),
        ("y", "y"),
        ("!!str 12", "12"),
        ("!!float 12", 12.0),
        ("! 12", "12"),
        ("9" * 5000, "9" * 5000),
        ("|\n  a\n  b", "a\nb"),
    ],
)
def test_a_word_means_what_people_expect(text: str, value: object) -> None:
    found = value_of(text)

    assert found == value
    assert type(found) is type(value)


def test_own_keys_win_over_merged_ones_and_earlier_over_later() -> None:
    text = "- &a {x: 1, y: 1}\n- &b {x: 2, z: 2}\n- {<<: [*a, *b], y: 3}\n"

    assert value_of(text)[2] == {"x": 1, "y": 3, "z": 2}


def test_a_quoted_merge_key_is_a_key() -> None:
    assert value_of('"<<": 1') == {"<<": 1}


def test_every_value_knows_its_place() -> None:
    root = read_yaml("a: 1\nb:\n  - x\n  - {c: é, d: [2]}\n").root

    assert root is not None
    assert root.entries is not None
    listed = root.entries["b"].node.items
    assert listed is not None
    entries = listed[1].entries
    assert entries is not None
    assert (entries["d"].key.line, entries["d"].key.column) == (4, 12)
    assert (entries["d"].node.line, entries["d"].node.column) == (4, 15)


def test_both_parsers_agree() -> None:
    text = GOOD.read_text()
    libyaml, own = read_yaml(text), read_yaml(text, loader=yaml.SafeLoader)

    assert libyaml.root is not None
    assert own.root is not None
    assert _places(libyaml.root) == _places(own.root)


@pytest.mark.parametrize(
    "text",
    [
        "a:\n\tb: 1\n",
        "a: [*/x]\n",
        "a: 'x\n",
        "a: b: c\n",
        "a: @x\n",
        "a: [1\nb: 2\n",
        "a: &\n",
        "a: - b\n",
        "a: 1\nb\n",
        "a: ]\n",
    ],
)
def test_both_parsers_say_the_same_of_syntax(text: str) -> None:
    (libyaml,) = read_yaml(text).faults
    (own,) = read_yaml(text, loader=yaml.SafeLoader).faults

    assert (libyaml.line, libyaml.message) == (own.line, own.message)
    assert not libyaml.message.startswith("this is no YAML")


@pytest.mark.parametrize(
    ("text", "column"),
    [
        pytest.param("[" * 100_000, 52, id="lists"),
        pytest.param("{a: " * 100_000, 205, id="mappings"),
        pytest.param("- " * 100_000, 103, id="entries"),
    ],
)
@pytest.mark.parametrize("loader", [yaml.CSafeLoader, yaml.SafeLoader])
def test_deep_nesting_is_a_fault_at_its_place(text: str, column: int, loader: Any) -> None:
    (fault,) = read_yaml(text, loader=loader).faults

    assert (fault.line, fault.column) == (1, column)
    assert fault.message == "nested more than 50 levels deep"


def test_aliases_that_multiply_are_a_fault() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]

    ((line, _, message),) = faults_of("\n".join(lines))

    assert line == 5
    assert message.startswith("its aliases stand for 111,111 values")


def test_aliases_that_multiply_in_mappings_are_a_fault() -> None:
    lines = ["a0: &a0 {x: 1, y: 2}"]
    lines += [f"a{i}: &a{i} {{x: *a{i - 1}, y: *a{i - 1}}}" for i in range(1, 64)]

    ((_, _, message),) = faults_of("\n".join(lines))

    assert message.startswith("its aliases stand for")


def test_many_aliases_of_a_small_value_are_fine() -> None:
    text = "a: &a [1, 2, 3]\nb: [" + ", ".join(["*a"] * 3000) + "]"

    assert len(value_of(text)["b"]) == 3000


def test_a_value_cannot_hold_itself() -> None:
    assert faults_of("&a [*a]") == [(1, 5, "'*a' stands inside the value that it names")]


def test_a_lone_surrogate_is_a_fault() -> None:
    assert faults_of("a: \ud800") == [(1, 4, "the character U+D800 may not stand in YAML")]


def _places(node: YamlNode) -> list[Any]:
    """Return values and places below a node."""
    below: list[Any] = [_places(item) for item in node.items or ()]
    below += [
        (key, entry.key.line, entry.key.column, _places(entry.node))
        for key, entry in (node.entries or {}).items()
    ]
    return [node.line, node.column, node.value, below]
