"""A model.json with anything in any place: it is refused in words, or read.

Each value of a small graph model and of a small layers model is left out, and replaced by odd
ones in turn; then what the steps do with a model.json is done.
"""

import copy
import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from graph_models import dense_nodes, node, write_graph_model
from layers_models import write_layers_model

from pipeline.errors import PipelineError
from pipeline.fetch.address.source_type import Source
from pipeline.inspection.inspect import inspect_subject
from pipeline.inspection.subject import open_subject
from pipeline.proof.inputs.find_contracts import find_contracts
from pipeline.records.source import Conversion
from pipeline.roles.infer import infer_roles
from pipeline.tfjs.model.layers_ops import read_topology
from pipeline.tfjs.model.model_json import format_model_json, load_model_json
from pipeline.tfjs.model.normalize import normalize_graph_model
from pipeline.tfjs.model.normalize_layers import normalize_layers_model
from pipeline.tfjs.model.signature import read_signature
from pipeline.tfjs.quantize.form_files import VariantNotSmaller
from pipeline.tfjs.quantize.variant_files import write_variant
from pipeline.tfjs.rewrite.rewrite import rewrite_graph

Place = tuple[str | int, ...]
ABSENT = object()
ODD: list[Any] = [
    *(None, True, -1, 1.5, 2**60, 10**40),
    *("", "x", "^x", "x:99999999999999999999", "\u202e\x00", "Infinity"),
    *([], {}, [[]], [None], {"": None}, {"a": {"a": {"a": 1}}}),
]


def places(value: Any, place: Place = ()) -> Iterator[Place]:
    """Yield the places of all values in a document, but for the document itself."""
    children = value.items() if isinstance(value, dict) else enumerate(value)
    for key, child in children:
        yield (*place, key)
        if isinstance(child, dict | list):
            yield from places(child, (*place, key))


def put(document: Any, place: Place, value: Any) -> Any:
    """Return a document with another value in a place."""
    changed = copy.deepcopy(document)
    holder = changed
    for key in place[:-1]:
        holder = holder[key]
    if value is ABSENT:
        del holder[place[-1]]
    else:
        holder[place[-1]] = value
    return changed


def build_graph(source: Path, folder: Path) -> None:
    """Do with a graph model what the steps do, but run it."""
    record = normalize_graph_model(source=source, folder=folder, shard_size_bytes=64)
    base = folder / "model.json"
    model_json = load_model_json(base)
    content, _ = rewrite_graph(model_json.content)
    base.write_bytes(format_model_json(replace(model_json, content=content)))
    model_json = load_model_json(base)
    signature = read_signature(model_json, record)
    infer_roles(
        signature=signature,
        topology=read_topology(model_json.content),
        task=None,
        outputs=[],
        manifest_map={},
        inputs=[],
    )
    find_contracts(model_json, folder, signature.inputs, Conversion())
    write_variant(
        base=folder,
        signature=signature,
        name="uint8",
        quantize={"uint8": ["*"]},
        shard_size_bytes=64,
        folder=folder / "variant",
    )


def build_layers(source: Path, folder: Path) -> None:
    """Do with a layers model what the steps do before TensorFlow.js loads it."""
    normalize_layers_model(source=source, folder=folder, shard_size_bytes=64)
    read_topology(load_model_json(folder / "model.json").content)


def inspect(source: Path, _folder: Path) -> None:
    """Do what `doit inspect` does."""
    path = Source(kind="path", uri=source.name, location=source.name)
    with open_subject(
        path, root=source.parent, cache=source.parent / "cache", progress=lambda *_: None
    ) as subject:
        inspect_subject(subject, shapes={}, announce=lambda _: None)


@pytest.mark.parametrize(
    ("write", "build"),
    [
        pytest.param(write_graph_model, build_graph, id="graph model"),
        pytest.param(write_layers_model, build_layers, id="layers model"),
    ],
)
def test_whatever_stands_in_a_model_json_is_read_or_refused_in_words(
    write: Callable[..., Path], build: Callable[[Path, Path], None], tmp_path: Path
) -> None:
    others: dict[str, Any] = {}
    if write is write_graph_model:
        listed = node("Split", "Split", ["axis", "x"])
        listed["attr"]["dilations"] = {"list": {"i": ["1", "2"], "s": ["YQ=="], "type": [1]}}
        called = node("If", "StatelessIf", ["x"])
        called["attr"]["then_branch"] = {"func": {"name": "f", "attr": {}}}
        called["attr"]["else_branch"] = {"func": {"name": "f"}}
        called["attr"]["output_shapes"] = {"list": {"shape": [{"dim": [{"size": "2"}]}]}}
        others["nodes"] = [*dense_nodes(), node("axis", "Placeholder", []), listed, called]
    source = write(tmp_path / "source", **others)
    document = json.loads(source.read_bytes())
    if "library" in document["modelTopology"]:
        argument = {"name": "a", "type": "DT_FLOAT"}
        signed = {"name": "f", "inputArg": [argument], "outputArg": [{**argument, "name": "r"}]}
        item = node("set", "TensorListSetItem", ["a", "a", "a"])
        item["attr"]["element_dtype"] = {"type": "DT_FLOAT"}
        body = {"signature": signed, "nodeDef": [item], "ret": {"r": "a"}}
        document["modelTopology"]["library"] = {"function": [body]}
    values = itertools.cycle([ABSENT, *ODD])
    numbers = itertools.count()
    refused = 0
    for place in places(document):
        for value in itertools.islice(values, 7):
            source.write_text(json.dumps(put(document, place, value)))
            for work in (build, inspect):
                folder = tmp_path / str(next(numbers))
                (folder / "variant").mkdir(parents=True)
                try:
                    work(source, folder)
                except VariantNotSmaller:
                    pass
                except PipelineError as error:
                    refused += bool(error.message)
                except Exception as error:
                    raise AssertionError(f"{place}: {value!r}") from error

    assert refused > next(numbers) / 5
