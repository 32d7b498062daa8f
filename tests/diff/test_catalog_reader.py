"""Reading catalogs: of this version, of others, and what is none."""

import copy
import json

import pytest
from catalog_entries import catalog_of
from site_zoo import entry

from pipeline.diff.catalog_reader import parse_catalog, parse_pair
from pipeline.diff.compare import compare_catalogs
from pipeline.disk.canonical import format_json
from pipeline.errors import PublishError


def test_what_an_older_version_did_not_tell_is_no_change() -> None:
    now = catalog_of([entry()], zoo={})
    older = copy.deepcopy(now)
    for key in ("roles", "repairs", "vectors", "usable", "unassigned", "description"):
        del older["models"][0][key]
    now["models"][0] |= {"provisional": "nobody states the range"}
    now["models"][0]["variants"][0]["agreement"] = "equal"
    del older["models"][0]["provisional"]
    del older["models"][0]["variants"][0]["checks"]
    before, after = (parse_catalog(format_json(one), shown="x") for one in (older, now))

    assert {"roles", "checks", "vectors", "provisional", "agreement"} <= before.absent
    assert "quantization" not in before.absent
    assert compare_catalogs(before, after).models == []
    assert compare_catalogs(after, before).models == []


def test_a_pair_without_its_equal_entries_differs_as_the_whole_catalogs_do() -> None:
    wire = [
        catalog_of([entry("a"), entry("b"), entry("c")], zoo={}),
        catalog_of([entry("a"), entry("b", title="Other"), entry("d")], zoo={}),
    ]
    texts = [format_json(one) for one in wire]
    whole = compare_catalogs(*(parse_catalog(text, shown="x") for text in texts))
    pair = parse_pair(*texts, shown=("x", "x"))
    same = compare_catalogs(*parse_pair(texts[0], texts[0], shown=("x", "x")))

    assert [list(one.models) for one in pair] == [["b", "c"], ["b", "d"]]
    assert compare_catalogs(*pair) == whole
    assert whole.unchanged == 1
    assert (same.models, same.unchanged, same.is_first) == ([], 3, False)


@pytest.mark.parametrize(
    ("before", "after", "text", "marks"),
    [
        (None, "no range", "verdicts are provisional: no range", ("regression",)),
        ("no range", None, "verdicts are no longer provisional", ("improvement",)),
        ("no range", "no rate", "verdicts are provisional for another reason: no rate", ()),
    ],
)
def test_verdicts_that_become_provisional_are_a_change(
    before: str | None, after: str | None, text: str, marks: tuple[str, ...]
) -> None:
    catalogs = (catalog_of([entry(provisional=one)], zoo={}) for one in (before, after))
    read = [parse_catalog(format_json(one), shown="x") for one in catalogs]
    (model,) = compare_catalogs(*read).models

    assert [(change.text, change.marks) for change in model.all_changes] == [(text, marks)]


def test_what_a_newer_version_tells_is_left_out() -> None:
    newer = catalog_of([entry()], zoo={})
    newer["signedBy"] = "me"
    newer["models"][0]["variants"][0]["checks"]["wasm"]["warmth"] = 3
    read = parse_catalog(format_json(newer), shown="x")

    assert read.models["one"].variants[0].checks["wasm"].status == "ok"
    assert not hasattr(read.zoo, "signedBy")


def test_keys_of_the_manifest_are_kept() -> None:
    read = parse_catalog(format_json(catalog_of([entry(minScore=0.2)], zoo={})), shown="x")

    assert read.models["one"].model_extra == {"minScore": 0.2}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(b"<html>", "is no catalog of a zoo", id="HTML"),
        pytest.param(b"[]", "is no catalog of a zoo", id="a list"),
        pytest.param(b'{"models": []}', "is no catalog of a zoo", id="of others"),
        pytest.param(b'{"models": [], "schema": 2}', "has form 2; expected 1", id="schema"),
        pytest.param(
            json.dumps(catalog_of([{**entry(), "status": "odd"}], zoo={})).encode(),
            r"x: models\[0\]\.status: found 'odd'; expected ",
            id="an unknown status",
        ),
    ],
)
def test_what_is_no_catalog_is_told(content: bytes, message: str) -> None:
    with pytest.raises(PublishError, match=message):
        parse_catalog(content, shown="x")
