"""The table of formats: true to the modules that it names, and to what is derived from it."""

import ast
import importlib
import json
from pathlib import Path

import pytest
from graph_models import write_graph_model
from paths import ROOT

from pipeline.formats.format import Format
from pipeline.formats.table import (
    FORMATS,
    INPUT_FORMATS,
    ROUTES,
    model_path,
    normalize_source,
)


def functions_of(module: str) -> set[str]:
    """Return the functions of a module; it is not imported, for TensorFlow takes its time."""
    tree = ast.parse((ROOT / f"{module.replace('.', '/')}.py").read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_every_function_of_a_route_is_there() -> None:
    named = [name for route in ROUTES.values() for name in (route.convert, route.refer) if name]

    assert named
    for name in named:
        module, _, function = name.partition(":")
        assert function in functions_of(module)


def test_every_format_is_in_the_table() -> None:
    stems = sorted(path.stem for path in (ROOT / "pipeline/formats").glob("*.py"))
    modules = [importlib.import_module(f"pipeline.formats.{stem}") for stem in stems]
    instances = {
        value.name
        for module in modules
        for value in vars(module).values()
        if isinstance(value, Format)
    }

    assert instances == {each.name for each in FORMATS}


def test_names_and_suffixes_belong_to_one_format_each() -> None:
    names = [each.name for each in FORMATS]
    suffixes = [suffix for each in FORMATS for suffix in each.suffixes]

    assert len(names) == len(set(names))
    assert len(suffixes) == len(set(suffixes))
    assert all(suffix == suffix.lower() for suffix in suffixes)


@pytest.mark.parametrize("each", FORMATS, ids=lambda each: each.name)
def test_a_format_is_converted_and_has_words_for_messages(each: Format) -> None:
    assert each.outputs
    assert each.expected
    assert set(each.also_reads) <= set(INPUT_FORMATS)


def test_only_models_of_tensorflow_js_run_in_themselves() -> None:
    own = {pair for pair, route in ROUTES.items() if not route.needs_tensorflow}

    assert own == {("tfjs_graph_model",) * 2, ("tfjs_layers_model",) * 2}
    # TensorFlow runs their graphs where it can.
    alone = {name for (name, _), route in ROUTES.items() if route.refer is None}
    assert alone == {"tfjs_layers_model"}


@pytest.mark.parametrize(
    ("source", "source_format", "opened"),
    [
        ("m/saved_model.pb", "tf_saved_model", "m"),
        ("m", "tf_hub", "m"),
        ("m/saved_model.pbtxt", "keras_saved_model", "m"),
        ("m/graph.pb", "tf_frozen_model", "m/graph.pb"),
        ("m/model.json", "tfjs_graph_model", "m/model.json"),
    ],
)
def test_a_runtime_opens_its_own_path(source: str, source_format: str, opened: str) -> None:
    assert model_path(Path(source), source_format) == Path(opened)


def test_a_model_of_tensorflow_js_is_written_as_a_base(tmp_path: Path) -> None:
    source = write_graph_model(tmp_path / "source")
    (tmp_path / "base").mkdir()
    normalize_source(
        "tfjs_graph_model", source=source, folder=tmp_path / "base", shard_size_bytes=4 * 2**20
    )

    assert json.loads((tmp_path / "base/model.json").read_bytes())["format"] == "graph-model"
