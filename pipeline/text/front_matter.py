"""Front matter: the fields in YAML at the head of a text in Markdown, as in model cards."""

import re
from collections.abc import Mapping
from typing import Any

import yaml

_FRONT = re.compile(r"\A\ufeff?---[ \t]*\r?\n(.*?)\r?\n---[ \t]*(?:\r?\n|\Z)", re.DOTALL)


def split_front_matter(text: str) -> tuple[Mapping[str, Any], str]:
    """Return the fields at the head of a text, and the text behind: ({"license": "mit"}, "# Cat").

    A head that is no YAML, or no mapping, has no fields.
    """
    match = _FRONT.match(text)
    if match is None:
        return {}, text
    try:
        fields = yaml.safe_load(match[1])
    except yaml.YAMLError:
        fields = None
    return (fields if isinstance(fields, dict) else {}), text[match.end() :]
