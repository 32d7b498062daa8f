"""The text of a catalog, put together and taken apart: the canonical text, to the byte."""

from typing import Any

import pytest
from site_zoo import catalog, entry, variant

from pipeline.catalog.texts import format_entry, join_entries, split_entries
from pipeline.disk.canonical import format_json

ENTRIES = [
    entry("a", title="} ,", description="two\nlines \u2028 {\n    {", variants=[]),
    entry("b", variants=[variant("float32", 4096), variant("uint8", None)]),
    entry("c", title="\ud83d\ude00"),
]


@pytest.mark.parametrize("entries", [ENTRIES, ENTRIES[1:2], []], ids=["three", "one", "none"])
def test_a_catalog_of_pieces_has_the_canonical_text(entries: list[dict[str, Any]]) -> None:
    made = catalog(*entries)
    texts = [format_entry(model) for model in made.models]
    head = made.model_copy(update={"models": []})
    whole = format_json(made.to_json())

    assert join_entries(head, texts) == whole
    assert split_entries(whole) == texts
