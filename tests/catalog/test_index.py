"""The index of a zoo, and the catalog of each model alone."""

import json

from site_zoo import catalog, entry, variant

from pipeline.catalog.index import head_of_one, index_model
from pipeline.catalog.texts import format_entry, join_entries, split_entries
from pipeline.catalog.types import Catalog


def texts(made: Catalog) -> list[bytes]:
    """Return the texts of the models of a catalog."""
    return [format_entry(model) for model in made.models]


def test_a_line_for_each_model() -> None:
    results = {"method": "classify", "missing": None}
    variants = [variant("float32", 4096), variant("uint8", None), variant("float16", 2048)]
    made = catalog(entry("a", results=results, variants=variants), entry("b", variants=[]))
    first, second = (index_model(model).to_json() for model in made.models)

    assert (first["name"], first["method"], first["bytes"]) == ("a", "classify", 2048)
    assert first["catalog"] == "models/a/catalog.json"
    assert (second["method"], second["bytes"]) == (None, None)


def test_a_catalog_of_one_model_is_the_whole_without_the_others() -> None:
    made = catalog(entry("a"), entry("b"))
    text = split_entries(join_entries(made.model_copy(update={"models": []}), texts(made)))[1]
    alone = json.loads(join_entries(head_of_one(made), [bytes(text)]))

    assert alone["models"] == [made.to_json()["models"][1]]
    assert alone["$schema"] == "../../models.schema.json"
    assert alone["toolchain"] == made.to_json()["toolchain"]
