"""The index of a zoo, and the catalog of each model alone."""

from site_zoo import catalog, entry, variant

from pipeline.catalog.index import build_index, split_catalog


def test_a_line_for_each_model() -> None:
    results = {"method": "classify", "missing": None}
    variants = [variant("float32", 4096), variant("uint8", None), variant("float16", 2048)]
    made = catalog(entry("a", results=results, variants=variants), entry("b", variants=[]))
    first, second = build_index(made).to_json()["models"]

    assert (first["name"], first["method"], first["bytes"]) == ("a", "classify", 2048)
    assert first["catalog"] == "models/a/catalog.json"
    assert (second["method"], second["bytes"]) == (None, None)


def test_a_catalog_of_one_model_is_the_whole_without_the_others() -> None:
    made = catalog(entry("a"), entry("b"))
    alone = split_catalog(made)["models/b/catalog.json"].to_json()

    assert alone["models"] == [made.to_json()["models"][1]]
    assert alone["$schema"] == "../../models.schema.json"
    assert alone["toolchain"] == made.to_json()["toolchain"]
