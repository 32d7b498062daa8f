"""Canonical JSON: equal values are equal bytes."""

import json
import math

import pytest

from pipeline.disk.canonical import digest_json, format_json


def test_keys_are_sorted_at_every_depth() -> None:
    assert format_json({"b": {"d": 1, "c": 2}, "a": [1]}, indent=None) == (
        b'{"a":[1],"b":{"c":2,"d":1}}\n'
    )


def test_an_order_with_a_meaning_can_be_kept() -> None:
    assert format_json({"b": 1, "a": 2}, indent=None, sort_keys=False) == b'{"b":1,"a":2}\n'


def test_text_is_utf8_as_it_stands() -> None:
    assert format_json("é", indent=None) == '"é"\n'.encode()


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_a_number_that_json_lacks_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        format_json({"min": value})


def test_a_digest_does_not_depend_on_the_order_of_keys() -> None:
    assert digest_json({"a": 1, "b": 2}) == digest_json({"b": 2, "a": 1})
    assert digest_json({"a": 1}) != digest_json({"a": 2})


def test_half_a_surrogate_pair_is_written_as_its_escape() -> None:
    content = format_json({"class": "\ud800", "both": "\U0001f600"}, indent=None)

    assert content == '{"both":"😀","class":"\\ud800"}\n'.encode()
    assert json.loads(content) == {"both": "😀", "class": "\ud800"}
