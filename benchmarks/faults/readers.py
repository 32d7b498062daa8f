"""Readers: every kind of file of others that this project reads, and how it is read.

A kind has whole files to begin with, the ones among them that are mutated, and a function that
reads a folder with them. What that function raises is a PipelineError, or a bug. The kinds of
IN_TENSORFLOW import TensorFlow and are read as in a job; they parse, judge and, of Keras,
build, and run no model.
"""

import base64
import contextlib
import hashlib
import io
import json
import os
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from built_zoos import BuiltZoo
from fuzzed_archives import KINDS as ARCHIVES
from fuzzed_archives import mutate as mutate_archive
from graph_models import write_graph_model
from layers_models import write_layers_model
from loopback import Server, serve
from mutate import Mutation, any_of, in_zip, mutate_bytes, mutate_json, mutate_text, mutate_xml
from our_records import (
    BUILD_RECORDS,
    MODEL_RECORDS,
    read_build_records,
    read_model_records,
    write_build_records,
    write_model_records,
)
from paths import ROOT

from pipeline.diff.catalog_reader import parse_catalog
from pipeline.errors import PipelineError
from pipeline.fetch.address.source import parse_source
from pipeline.fetch.fetch import fetch_source
from pipeline.fetch.http.http_session import HttpSettings
from pipeline.formats.table import normalize_source
from pipeline.inspection.inspect import inspect_subject
from pipeline.inspection.subject import Subject
from pipeline.manifest.converter.manifest_lines import format_entry, import_command
from pipeline.manifest.converter.shell import split_commands
from pipeline.manifest.load import load_manifest
from pipeline.proof.inputs.find_contracts import find_contracts
from pipeline.proof.inputs.made_inputs import make_inputs
from pipeline.proof.inputs.test_inputs import load_test_inputs
from pipeline.proof.vector_files import Vector, Vectors, load_vectors, write_vectors
from pipeline.publish.generations.state import read_state
from pipeline.publish.targets.target import open_target
from pipeline.records.signature import TensorSpec
from pipeline.records.source import Conversion
from pipeline.runtime.node_results import load_run
from pipeline.tfjs.model.model_json import load_model_json
from pipeline.tfjs.model.signature import read_signature
from pipeline.tfjs.quantize.form_files import VariantNotSmaller
from pipeline.tfjs.quantize.variant_files import write_variant

Files = dict[str, bytes]


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of file.

    Attributes:
        whole: Returns files that are read without a fault, by name.
        mutated: The mutation of each of them that is mutated.
        read: Reads the folder that they lie in.
        is_refused: Whether even the whole files are refused, as sparse archives are.
    """

    whole: Callable[[], Files]
    mutated: Mapping[str, Mutation]
    read: Callable[[Path], object]
    is_refused: bool = False


def _written(write: Callable[[Path], object]) -> Callable[[], Files]:
    """Return what gives the files that a function writes into a folder."""

    @cache
    def whole() -> Files:
        with tempfile.TemporaryDirectory() as name:
            write(Path(name))
            paths = [path for path in Path(name).rglob("*") if path.is_file()]
            return {path.relative_to(name).as_posix(): path.read_bytes() for path in paths}

    return whole


def _read_graph_model(folder: Path) -> None:
    """Go all the way of a graph model but for running it."""
    source = folder / "model.json"
    _inspect(source)
    base, named = folder / "base", folder / "named"
    for made in (base, named):
        made.mkdir()
    size = 4 * 1024**2
    record = normalize_source("tfjs_graph_model", source=source, folder=base, shard_size_bytes=size)
    model_json = load_model_json(base / "model.json")
    signature = read_signature(model_json, record)
    with contextlib.suppress(VariantNotSmaller):
        write_variant(
            base=base,
            signature=signature,
            name="uint8",
            quantize={"uint8": ["*"]},
            shard_size_bytes=size,
            folder=named,
        )
    inputs = signature.inputs
    make_inputs(
        inputs, seed="s", index=0, contracts=find_contracts(model_json, base, inputs, Conversion())
    )


def _read_layers_model(folder: Path) -> None:
    _inspect(folder / "model.json")
    (folder / "base").mkdir()
    normalize_source(
        "tfjs_layers_model",
        source=folder / "model.json",
        folder=folder / "base",
        shard_size_bytes=4 * 1024**2,
    )


def _inspect(path: Path) -> None:
    inspect_subject(Subject(path=path), shapes={}, announce=lambda _: None)


def _read_command(folder: Path) -> None:
    text = (folder / "command").read_bytes().decode(errors="replace")
    try:
        commands = split_commands(text)
    except ValueError:  # quotes that are not closed; the command line says so
        return
    for command in commands:
        format_entry(import_command(command))


def _read_test_inputs(folder: Path) -> None:
    def tensor(name: str, dtype: str, *shape: int | None) -> TensorSpec:
        return TensorSpec(name=name, dtype=dtype, shape=shape)

    two = [tensor("a", "float32", None, 2), tensor("b", "int64", None)]
    image = [tensor("image", "float32", None, 4, 6, 3)]
    for entry in ("both.npz", "x.npy", "photo.png", "photo.jpg"):
        specs = two if entry == "both.npz" else image
        with _refusing():
            load_test_inputs([entry], root=folder, specs=specs, contracts={})


@contextlib.contextmanager
def _refusing() -> Iterator[None]:
    """Let a refusal not keep the next file of a folder from being read."""
    with contextlib.suppress(PipelineError):
        yield


def _write_test_inputs(folder: Path) -> None:
    from PIL import Image

    np.savez(folder / "both.npz", a=np.ones((3, 2)), b=np.array([1, 2, 3]))
    np.save(folder / "x.npy", np.zeros((1, 4, 6, 3)))
    pixels = np.arange(8 * 12 * 3, dtype=np.uint8).reshape(8, 12, 3)
    for name in ("photo.png", "photo.jpg"):
        Image.fromarray(pixels).save(folder / name)


def _write_vectors(folder: Path) -> None:
    one = {"x": np.ones((1, 8), np.float32), "text": np.array([b"a", b"bc"], object)}
    vectors = [Vector(inputs=one, outputs={"y": np.zeros((1, 4), np.int32)})]
    write_vectors(folder, Vectors(vectors=vectors, seed="s", runtime="r"))


def _write_run(folder: Path) -> None:
    output = {"name": "y", "shape": [1, 4], "dtype": "float32", "offset": 0, "bytes": 16}
    record = {
        "tfjs": "4.22.0", "rssBytes": 1, "missingOps": {}, "lacking": {}, "error": None,
        "textOps": ["StringLower"],
        "flags": {}, "requiresAsync": False, "peakBytes": 1, "loadMs": 1.5, "firstMs": 1.5,
        "steadyMs": None,
        "vectors": [{"id": 0, "outputs": [output, {**output, "name": "s", "dtype": "string"}]}],
    }  # fmt: skip
    (folder / "0.json").write_text(json.dumps(record))
    (folder / "0.bin").write_bytes(bytes(16))


def _read_run(folder: Path) -> None:
    run = load_run(folder / "0", backend="wasm")
    for outputs in run.outputs.values():
        for name in outputs:
            outputs[name]


def _write_place(folder: Path) -> None:
    zoo = BuiltZoo(folder / "zoo")
    zoo.models = {"cat": {"float32": "miaow"}}
    zoo.build().publish(zoo.target("public"))
    shutil.copytree(folder / "zoo/public", folder, dirs_exist_ok=True)
    shutil.rmtree(folder / "zoo")


def _read_place(folder: Path) -> None:
    content = (folder / "models.json").read_bytes()
    with _refusing():
        parse_catalog(content, shown="models.json")
    read_state(open_target(str(folder), root=folder.parent / "zoo", output=folder.parent / "dist"))


def _read_archive(suffix: str) -> Callable[[Path], None]:
    def read(folder: Path) -> None:
        _fetch(f"m{suffix}", folder)

    return read


def _fetch(text: str, folder: Path) -> None:
    (folder / "out").mkdir()
    fetch_source(
        parse_source(text),
        root=folder,
        folder=folder / "out",
        cache=folder / "cache",
        sha256=None,
        progress=lambda _done, _total: None,
    )


@cache
def _server() -> Server:
    """Return a server on loopback that lives as long as this process."""
    running = serve()
    server = running.__enter__()  # never left
    _running.append(running)
    # A host that is not there is asked once again at once, not five times ever later.
    defaults: Any = HttpSettings.__init__.__kwdefaults__
    defaults.update(attempts=2, backoff_seconds=0.0)
    for name in list(os.environ):
        if name.startswith("PIP_") or name.lower().startswith("npm_config_"):
            del os.environ[name]
    os.environ.update(
        NO_PROXY="127.0.0.1",
        PIP_CONFIG_FILE=os.devnull,
        PIP_RETRIES="0",
        PIP_INDEX_URL=f"{server.url}/simple",
    )
    return server


_running: list[Any] = []


def _read_npm(folder: Path) -> None:
    server = _server()
    (folder / ".npmrc").write_text(f"registry={server.url}/\nfetch-retries=0\n")
    server.put("/zoo", (folder / "answer.json").read_bytes().replace(b"HOST", server.host.encode()))
    server.put("/zoo/-/zoo-1.0.0.tgz", _package("package"))
    _fetch("npm:zoo@1.0.0#m.h5", folder)


def _read_pypi(kind: str, name: str) -> Callable[[Path], None]:
    def read(folder: Path) -> None:
        server = _server()
        body = (folder / name).read_bytes().replace(b"HOST", server.host.encode())
        server.put("/simple/zoo/", body, headers={"Content-Type": kind})
        server.put("/files/zoo-1.0.tar.gz", _package("zoo-1.0"))
        _fetch("pypi:zoo==1.0#m.h5", folder)

    return read


def _npm_answer() -> Files:
    digest = base64.b64encode(hashlib.sha512(_package("package")).digest()).decode()
    dist = {"tarball": "http://HOST/zoo/-/zoo-1.0.0.tgz", "integrity": f"sha512-{digest}"}
    answer = {"name": "zoo", "versions": {"1.0.0": {"dist": dist}}}
    return {"answer.json": json.dumps(answer).encode()}


@cache
def _package(top: str) -> bytes:
    """Return a tarball with one file below a folder."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as archive:
        info = tarfile.TarInfo(f"{top}/m.h5")
        info.size = 3
        archive.addfile(info, io.BytesIO(b"abc"))
    return made.getvalue()


def _pypi_answer() -> Files:
    file = {
        "filename": "zoo-1.0.tar.gz", "url": "http://HOST/files/zoo-1.0.tar.gz",
        "hashes": {"sha256": hashlib.sha256(_package("zoo-1.0")).hexdigest()}, "yanked": False,
        "requires-python": ">=3.8", "size": 10,
    }  # fmt: skip
    page = {"meta": {"api-version": "1.1"}, "name": "zoo", "versions": ["1.0"], "files": [file]}
    return {"page.json": json.dumps(page).encode()}


def _pypi_page() -> Files:
    return {
        "page.html": b'<!DOCTYPE html><html><head><meta name="pypi:repository-version"'
        b' content="1.0"></head><body>\n<a href="http://HOST/files/zoo-1.0.tar.gz#sha256='
        + hashlib.sha256(_package("zoo-1.0")).hexdigest().encode()
        + b'" data-requires-python="&gt;=3.8">zoo-1.0.tar.gz</a>\n</body></html>\n'
    }


def _saved_model() -> Files:
    import saved_models

    return _files_below(saved_models.built() / "three_inputs")


def _files_below(folder: Path) -> Files:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _keras_model(name: str) -> Callable[[], Files]:
    def whole() -> Files:
        import keras_models

        path = keras_models.built() / name
        return {f"model{path.suffix}": path.read_bytes()}

    return whole


def _read_saved_model(folder: Path) -> None:
    from pipeline.tf.saved_model.meta_graph import choose_meta_graph, load_saved_model
    from pipeline.tf.saved_model.summary import summarize_saved_model
    from pipeline.tf.untrusted.refuse import check_trusted

    with _refusing():
        summarize_saved_model(source=folder)
    check_trusted(choose_meta_graph(load_saved_model(folder), None))


def _read_frozen(folder: Path) -> None:
    from pipeline.tf.frozen.frozen_graph import load_frozen_graph

    load_frozen_graph(folder / "graph.pb", output_node_names=("Identity",), trust=False)


def _frozen_graph() -> Files:
    """Return a frozen graph of a dense layer, its weights in the graph."""
    from google.protobuf import json_format
    from graph_models import dense_nodes, dense_weights
    from tensorflow import make_tensor_proto
    from tensorflow.core.framework.graph_pb2 import GraphDef

    graph = GraphDef()
    for name, values in dense_weights().items():
        node = graph.node.add(name=name, op="Const")
        node.attr["value"].tensor.CopyFrom(make_tensor_proto(values))
        node.attr["dtype"].type = 1
    json_format.ParseDict({"node": dense_nodes()}, rest := GraphDef())
    graph.MergeFrom(rest)
    return {"graph.pb": graph.SerializeToString()}


def _write_openvino(folder: Path) -> None:
    import openvino_files

    openvino_files.branches(folder / "m.xml")


def _read_openvino(folder: Path) -> None:
    """Go all the way of a model but for running it."""
    from pipeline.tf.openvino.openvino_summary import summarize_openvino

    found = summarize_openvino(source=folder / "m.xml")
    for remark in found["remarks"]:
        assert "Traceback" not in remark


def _read_keras(folder: Path) -> None:
    from pipeline.tf.keras.keras_source import load_keras_model

    (path,) = [path for path in folder.iterdir() if path.is_file()]
    load_keras_model(path, trust=False)


_KERAS_ZIP = any_of(
    mutate_bytes,
    in_zip("config.json", mutate_json),
    in_zip("config.json", mutate_json),
    in_zip("metadata.json", mutate_json),
    in_zip("model.weights.h5", mutate_bytes),
)
_MANIFEST = (ROOT / "tests/data/manifest/good.yaml").read_bytes
_COMMANDS = (
    b"tensorflowjs_converter --input_format=tf_saved_model --output_format=tfjs_graph_model"
    b" --signature_name=serving_default --saved_model_tags=serve --quantize_float16='*'"
    b" --weight_shard_size_bytes 4194304 --strip_debug_ops=True models/in out/web\n"
    b"tensorflowjs_converter --input_format keras --quantize_uint8 'conv*/weights,dense/*'"
    b" --metadata=a:b.json,c:d.json --skip_op_check --control_flow_v2=False m.h5 out\n"
)

KINDS: dict[str, Kind] = {
    "manifest": Kind(
        whole=lambda: {"models.yaml": _MANIFEST()},
        mutated={"models.yaml": mutate_text},
        read=lambda folder: load_manifest(folder / "models.yaml"),
    ),
    "command": Kind(
        whole=lambda: {"command": _COMMANDS}, mutated={"command": mutate_text}, read=_read_command
    ),
    "graph model": Kind(
        whole=_written(write_graph_model),
        mutated={"model.json": mutate_json, "group1-shard1of1.bin": mutate_bytes},
        read=_read_graph_model,
    ),
    "layers model": Kind(
        whole=_written(write_layers_model),
        mutated={"model.json": mutate_json, "group1-shard1of1.bin": mutate_bytes},
        read=_read_layers_model,
    ),
    **{
        f"archive {suffix.lstrip('-.')}": Kind(
            whole=lambda suffix=suffix, make=make: {f"m{suffix}": make()},  # type: ignore[misc]
            mutated={f"m{suffix}": mutate_archive},
            read=_read_archive(suffix),
            is_refused="sparse" in suffix,
        )
        for suffix, make in ARCHIVES.items()
    },
    "npm answer": Kind(whole=_npm_answer, mutated={"answer.json": mutate_json}, read=_read_npm),
    "PyPI answer": Kind(
        whole=_pypi_answer,
        mutated={"page.json": mutate_json},
        read=_read_pypi("application/vnd.pypi.simple.v1+json", "page.json"),
    ),
    "PyPI page": Kind(
        whole=_pypi_page,
        mutated={"page.html": mutate_text},
        read=_read_pypi("text/html", "page.html"),
    ),
    "records of a build": Kind(
        whole=_written(write_build_records),
        mutated={**dict.fromkeys(BUILD_RECORDS, mutate_json), "doit.db": mutate_text},
        read=read_build_records,
    ),
    "records of a model": Kind(
        whole=_written(write_model_records),
        mutated=dict.fromkeys(MODEL_RECORDS, mutate_json),
        read=read_model_records,
    ),
    "published zoo": Kind(
        whole=_written(_write_place), mutated={"*.json": mutate_json}, read=_read_place
    ),
    "test inputs": Kind(
        whole=_written(_write_test_inputs), mutated={"*": mutate_bytes}, read=_read_test_inputs
    ),
    "vectors": Kind(
        whole=_written(_write_vectors),
        mutated={"vectors.json": mutate_json, "vectors.bin": mutate_bytes},
        read=load_vectors,
    ),
    "results of Node.js": Kind(
        whole=_written(_write_run),
        mutated={"0.json": mutate_json, "0.bin": mutate_bytes},
        read=_read_run,
    ),
}

IN_TENSORFLOW: dict[str, Kind] = {
    "OpenVINO": Kind(
        whole=_written(_write_openvino),
        mutated={"m.xml": mutate_xml, "m.bin": mutate_bytes},
        read=_read_openvino,
    ),
    "saved_model.pb": Kind(
        whole=_saved_model, mutated={"saved_model.pb": mutate_bytes}, read=_read_saved_model
    ),
    "frozen graph": Kind(
        whole=_frozen_graph, mutated={"graph.pb": mutate_bytes}, read=_read_frozen
    ),
    ".keras": Kind(
        whole=_keras_model("dict_outputs.keras 3.keras"),
        mutated={"model.keras": _KERAS_ZIP},
        read=_read_keras,
    ),
    ".h5": Kind(
        whole=_keras_model("dict_outputs.tf_keras.h5"),
        mutated={"model.h5": mutate_bytes},
        read=_read_keras,
    ),
}
