"""The text of a catalog, put together and taken apart: the canonical text, to the byte."""

from typing import Any

import pytest
from site_zoo import catalog, entry, variant

from pipeline.catalog.texts import drop_common, format_entry, join_entries, split_entries
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


def test_what_two_catalogs_share_is_dropped_from_both() -> None:
    changed = entry("b", title="other", variants=[])
    before = format_json(catalog(*ENTRIES).to_json())
    after = format_json(catalog(ENTRIES[0], changed, ENTRIES[2]).to_json())
    one, other, number = drop_common(before, after)

    assert one == format_json(catalog(ENTRIES[1]).to_json())
    assert other == format_json(catalog(changed).to_json())
    assert number == 2
    assert drop_common(before, before)[0] == format_json(catalog().to_json())


def test_a_catalog_of_another_form_stays_whole() -> None:
    text = format_json(catalog(*ENTRIES).to_json())
    compact = format_json(catalog(*ENTRIES).to_json(), indent=None)

    assert drop_common(compact, text) == (compact, text, 0)
    assert split_entries(compact) == []
