"""JSON of others: what is no JSON, and what is not what it should be, is said in words."""

from collections.abc import Callable
from typing import Any

import pytest

from pipeline.disk.json_value import MAX_DEPTH, JsonValue, parse_foreign_json
from pipeline.errors import FormatError, SignatureError


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        pytest.param(b"", "a.json: not JSON", id="empty"),
        pytest.param(b'{"a": [1, 2', "a.json: not JSON", id="cut off"),
        pytest.param(b'{"a": "\xff"}', "a.json: not a text in UTF-8", id="no UTF-8"),
        pytest.param(b"[" * 10**6, "a.json: nested too deeply", id="a million deep"),
        pytest.param(
            b'{"a":' * (MAX_DEPTH + 1) + b"[]" + b"}" * (MAX_DEPTH + 1),
            f"a.json: nested more than {MAX_DEPTH} deep",
            id="deep",
        ),
        pytest.param(b"9" * 5000, "a number of thousands of digits", id="long number"),
        pytest.param(b'{"a": [{"b": NaN}]}', r"a.json: a\[0\].b is nan, which is no", id="NaN"),
        pytest.param(b"[1e999]", r"a.json: \[0\] is inf, which is no JSON", id="infinite"),
        pytest.param(rb'{"a": "x\ud800"}', r"a is .*, with half a character", id="half a pair"),
        pytest.param(rb'{"\udc00": 1}', r"\\udc00: half a character", id="half a pair as key"),
    ],
)
def test_what_nobody_reads_is_refused(raw: bytes, message: str) -> None:
    with pytest.raises(FormatError, match=message):
        parse_foreign_json(raw, "a.json")


def test_what_is_deep_and_still_read() -> None:
    value = parse_foreign_json("[" * MAX_DEPTH + "]" * MAX_DEPTH, "a.json")

    assert len(list(value.items())) == 1


@pytest.mark.parametrize(
    ("read", "message"),
    [
        (lambda v: v.get("paths").texts(), "a.json: paths: 3; expected a list of texts"),
        (lambda v: v.get("none").texts(), "a.json: none: missing; expected a list of texts"),
        (lambda v: v.get("list").texts(), r'a.json: list\[1\]: \{"n"|an object of 1; expected a'),
        (lambda v: v.get("text").get("x"), r'a.json: text: "x\\u202ey"; expected an object'),
        (lambda v: list(v.get("text").fields()), "expected an object"),
        (lambda v: list(v.get("paths").items()), "a.json: paths: 3; expected a list"),
        (lambda v: v.get("paths").text(), "a.json: paths: 3; expected a text"),
        (lambda v: v.get("flag").whole(), "flag: true; expected a whole number of 0 or more"),
        (lambda v: v.get("paths").whole(least=4), "paths: 3; expected a whole number of 4 or"),
        (lambda v: v.get("huge").whole(), r"huge: a number beyond 2\^53; expected a whole"),
        (lambda v: v.get("half").whole(), "half: 1.5; expected a whole number"),
        (lambda v: v.get("flag").number(), "flag: true; expected a number"),
        (lambda v: v.get("huge").number(), "huge: a number beyond"),
        (lambda v: v.get("paths").flag(), "paths: 3; expected true or false"),
        (lambda v: v.get("null").text("a name"), "null: null; expected a name"),
        (lambda v: v.get("long").number(), 'long: "x{20,} … x{10,}"; expected a number'),
    ],
)
def test_a_value_says_where_it_is_and_what_was_expected(
    read: Callable[[JsonValue], Any], message: str
) -> None:
    content = {
        "paths": 3,
        "list": ["a", {"n": 1}],
        "text": "x\u202ey",
        "flag": True,
        "half": 1.5,
        "huge": 10**400,
        "null": None,
        "long": "x" * 1000,
    }
    with pytest.raises(SignatureError, match=message):
        read(JsonValue(content, "a.json", error=SignatureError))


def test_what_is_as_expected_is_returned() -> None:
    value = parse_foreign_json(
        '{"t": "é", "n": 2, "f": 1.5, "b": false, "l": ["x"], "o": null}', "a.json"
    )

    assert value.get("t").text() == "é"
    assert (value.get("n").whole(), value.get("n").number(), value.get("f").number()) == (2, 2, 1.5)
    assert value.get("b").flag() is False
    assert value.get("l").texts() == ("x",)
    assert value.get("o").is_absent
    assert value.get("nothing").is_absent
    assert not list(value.get("o").optional_items())
    assert [key for key, _ in value.fields()] == ["t", "n", "f", "b", "l", "o"]
