"""Objects of a line for each field: JSON, taken apart without a look at the fields."""

import json

import pytest

from pipeline.disk.line_object import join_fields, split_fields


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"one": b'{"bytes":3}'},
        {"": b"[]", 'a": {"b': b'["\\n","}"]', "two": b'"},\\n\\"x\\": "'},
    ],
)
def test_an_object_is_json_and_comes_apart_as_it_was_joined(fields: dict[str, bytes]) -> None:
    content = join_fields(fields)

    assert json.loads(content) == {key: json.loads(text) for key, text in fields.items()}
    assert split_fields(content) == fields


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{\n  "a": 1\n}\n', b'{\n"a": 1'])
def test_another_form_is_not_taken_apart(content: bytes) -> None:
    assert split_fields(content) is None
