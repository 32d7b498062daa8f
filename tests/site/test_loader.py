"""The loader as it is published: one module, its types, its package; the same each time."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

from catalog_entries import catalog_of
from loader_zoo import NODE, PublishedZoo, tensor, write_loader_of
from paths import ROOT
from site_zoo import entry, tensor_in, variant

from pipeline.catalog.texts import take_texts
from pipeline.catalog.types import Catalog
from pipeline.site.loader import bundle_loader, describe_package
from pipeline.site.typescript import format_model, format_types

KIB = 1024


def detector(*, zoo: str = "Ünser Zoo!", **others: Any) -> Catalog:
    """Return a catalog of one detector; `others` replace keys of its entry."""
    outputs = [
        tensor(0, "Identity", [1, 100, 4], role="boxes"),
        tensor(1, "Identity_1", [1, 100], role="scores"),
        tensor(2, "raw/x", None),
    ]
    roles = {"boxes": "Identity:0", "scores": "Identity_1:0", "classes": None}
    model = entry(
        "hand-track",
        **{
            "title": "Hand\ntracking",
            "map": roles,
            "inputs": [tensor_in(0, "image", [1, 8, 8, 3])],
            "outputs": outputs,
            "variants": [variant("uint8"), variant("float16", None)],
            **others,
        },
    )
    content = catalog_of([model], zoo={"name": zoo}, **{"tfjs-zoo": "0.1.0", "tfjs": "4.22.0"})
    return Catalog.model_validate(content)


def types_of(catalog: Catalog) -> str:
    """Return `zoo.d.ts` of a catalog."""
    return format_types(catalog.zoo.name, map(format_model, catalog.models))


def package_of(catalog: Catalog) -> dict[str, Any]:
    """Return package.json of a catalog."""
    texts = take_texts(catalog)
    return describe_package(texts.head, texts.sha256)


def test_the_loader_is_one_module_that_imports_nothing_of_its_own() -> None:
    bundle = bundle_loader()["zoo.js"]
    exports = re.findall(r"^export .*", bundle, re.MULTILINE)

    assert re.findall(r"^import .*", bundle, re.MULTILINE) == []
    assert "import('@tensorflow/tfjs')" in bundle
    assert len(exports) == 2
    assert exports[0] == "export {ZooError, addTextOps, draw, similarity};"
    assert exports[1].startswith("export async function open(url, ")
    assert bundle.startswith("// Loader of a TensorFlow.js model zoo")
    assert len(bundle.encode()) < 65 * KIB


def test_its_parts_are_loaded_when_they_are_asked_for_and_named_by_their_content() -> None:
    loader, *parts = bundle_loader().items()
    names = [re.sub("-[0-9a-f]{8}", "", name) for name, _ in parts]

    assert names == ["zoo-results.js", "zoo-selftest.js", "zoo-tokenizer.js", "zoo-texts.js"]
    for name, text in parts:
        assert f"import('./{name}')" in loader[1]
        found = re.findall(r"^(?:import|export) .*", text, re.MULTILINE)
        assert found == [f"export function prepare({'' if 'texts' in name else 'held'}) {{"]


def test_node_accepts_them_and_finds_no_name_twice(tmp_path: Path) -> None:
    found = {}
    for name, text in bundle_loader().items():
        module = tmp_path / name.replace(".js", ".mjs")
        module.write_text(text)
        program = f"""
          const module = await import({json.dumps(module.as_uri())});
          console.log(Object.keys(module).sort().join());
        """
        command = [str(NODE), "--input-type=module", "-e", program]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.stderr == "", name
        found[re.sub("-[0-9a-f]{8}", "", name)] = done.stdout.strip()

    assert found == {
        "zoo.js": "ZooError,addTextOps,draw,open,similarity",
        "zoo-results.js": "prepare",
        "zoo-selftest.js": "prepare",
        "zoo-texts.js": "prepare",
        "zoo-tokenizer.js": "prepare",
    }


def test_every_module_that_lies_there_is_in_one_of_them() -> None:
    folders = (ROOT / "pipeline/site/zoo", ROOT / "pipeline/runtime/texts")
    texts = bundle_loader().values()

    for path in (path for folder in folders for path in folder.glob("*.js")):
        first = path.read_text().splitlines()[0]
        assert sum(first in text for text in texts) == 1, path.name


def test_the_same_catalog_makes_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write_loader_of(detector(), tmp_path / name)

    for file in (*bundle_loader(), "zoo.d.ts", "package.json"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_the_package_is_named_by_the_zoo_and_numbered_by_its_catalog() -> None:
    package = package_of(detector())
    other = package_of(detector(title="Another"))
    version = r"0\.1\.0-c[0-9a-f]{12}"

    assert package["name"] == "unser-zoo"
    assert package_of(detector(zoo="動物園"))["name"] == "zoo"
    assert re.fullmatch(version, package["version"])
    assert package["version"] != other["version"]
    assert package["peerDependencies"] == {"@tensorflow/tfjs": "^4.22.0"}
    assert package["files"] == [*sorted(bundle_loader()), "zoo.d.ts"]


def test_types_come_before_the_default_that_would_hide_them(tmp_path: Path) -> None:
    write_loader_of(detector(), tmp_path)
    exports = json.loads((tmp_path / "package.json").read_bytes())["exports"]

    assert list(exports["."]) == ["types", "default"]


def test_types_name_models_variants_inputs_and_results() -> None:
    assert """\
export interface Models {
  /** Hand tracking */
  "hand-track": {
    variants: "uint8";
    inputs: "image";
    filled: never;
    tfModel: tf.GraphModel;
    results: {
      boxes: {rank: 3; value: number};
      scores: {rank: 2; value: number};
      "raw/x": {rank: unknown; value: number};
      classes: {rank: 1; value: number};
    };
  };
}
""" in types_of(detector())


def test_state_and_constants_need_not_be_given_and_state_is_no_result() -> None:
    inputs = [
        tensor_in(0, "image", [1, 8, 8, 3]),
        tensor_in(1, "h", [1, 4], state="raw/x"),
        tensor_in(2, "ratio", [], constant=0.5),
    ]
    types = types_of(detector(inputs=inputs))

    assert '    inputs: "image";\n    filled: "h" | "ratio";\n' in types
    assert '"raw/x"' not in types


def test_a_model_without_a_published_variant_has_no_type() -> None:
    types = types_of(detector(variants=[variant("uint8", None)]))

    assert "export interface Models {\n}\n" in types


def test_text_of_others_ends_no_comment(tmp_path: Path) -> None:
    zoo = PublishedZoo(tmp_path / "dist")
    zoo.add_dense(title='*/ alert("x") /*')
    text = (zoo.write().folder / "zoo.d.ts").read_text()

    assert '/** * / alert("x") /* */' in text


def test_types_describe_the_catalog_as_its_schema_does() -> None:
    types = types_of(detector())

    assert "export interface CatalogVariant {" in types
    assert '  status: "ok" | "withheld" | "skipped" | "failed";' in types
    assert "  modelPath: string | null;" in types
    assert "  files: Array<CatalogFile>;" in types
    assert "  range?: [number, number] | null;" in types
    assert "  checks: Record<string, CatalogCheck>;" in types
    assert "  [key: string]: unknown;" in types
