"""Our own records, written whole, and read after somebody has damaged them.

Records of a build are those of the engine; records of a model lie between its steps, each in the
folder of its step.
"""

import json
from pathlib import Path

from pipeline.engine.database import CacheDatabase
from pipeline.engine.outcome import load_outcome
from pipeline.engine.receipt import load_receipt
from pipeline.errors import PipelineError
from pipeline.records.record import Record
from pipeline.records.roles import RoleMap
from pipeline.records.signature import Signature, SignatureOutput, SignatureTensor
from pipeline.records.source import (
    ConvertedSource,
    FetchedSource,
    StatedSignature,
    StatedTensor,
    Tie,
)
from pipeline.records.variant import KeptWeight, VariantRecord
from pipeline.records.verdicts import CatalogCheck, NameProof, VariantVerdict, Verdicts
from pipeline.steps.placed import (
    Placed,
    PlacedFiles,
    PlacedList,
    load_placed,
    write_placed_list,
)
from pipeline.steps.projection import Projected, load_projection, save_projection

BUILD_RECORDS = ("receipt.json", "step.json", "dist.json", "projection.json")

_STATED = StatedTensor(tensor="serving_default_x:0", dtype="float32", shape=(None, 8))
_X = {"tensor": "x:0", "dtype": "float32", "js_dtype": "float32", "shape": (None, 8)}
_CHECK = CatalogCheck(
    status="ok",
    reason=None,
    tfjs="4.22.0",
    missing_ops=["Erf"],
    requires={},
    unproved={},
    outputs={},
)
_RECORDS: dict[str, Record] = {
    "fetch": FetchedSource(entry="m.h5", uri="./m.h5", sha256="0" * 64),
    "convert": ConvertedSource(
        signature_key="serving_default",
        tags=[["serve"]],
        signatures={
            "serving_default": StatedSignature(inputs={"x": _STATED}, outputs={"y": _STATED})
        },
        inputs=[Tie(name="x", tensor="x:0")],
        outputs=[Tie(name="y", tensor="Identity:0")],
        format="tf_saved_model",
        output_format="tfjs_graph_model",
    ),
    "signature": Signature(
        format="graph-model",
        inputs=[SignatureTensor(id=0, name="x", **_X)],
        outputs=[SignatureOutput(id=0, name="y", proof="structure", **_X)],
        requires_async=False,
        parameters=36,
        ops={"MatMul": 1},
        signature_key="serving_default",
        signatures={},
        tags=[["serve"]],
    ),
    "map": RoleMap(
        map={"scores": "x:0", "classes": None},
        roles={"x:0": ("scores", "labels")},
        source={"scores": "inferred"},
        evidence={"scores": ("it sums to 1",)},
        conventions={"scores": {"form": "softmax"}},
        abstained={"y": "it never varies"},
        usable=True,
    ),
    "variant": VariantRecord(
        name="uint8",
        weights={"uint8": 2},
        kept_float32=[KeptWeight(weight="bias", reason="too far apart")],
        bytes=300,
    ),
    "verify": Verdicts(
        variants={"base": VariantVerdict(status="ok", reason=None, checks={"wasm": _CHECK})},
        proofs={"y": NameProof(proof="value", reason=None)},
    ),
}

MODEL_RECORDS = tuple(f"{step}/{record.FILE}" for step, record in _RECORDS.items())


def write_build_records(folder: Path) -> None:
    """Write the records of the engine."""
    output = {"path": "model.json", "bytes": 3, "sha256": "0" * 64}
    receipt = {
        "step": "convert", "version": 1, "parameters": {"a": [1, "x"]}, "inputs": {"f": "0" * 64},
        "tools": {"tensorflow": "2.19.0"}, "outputs": [output], "failure": None,
    }  # fmt: skip
    placed = {"models.json": Placed(sha256="0" * 64, bytes=3, modified=1)}
    projected = [Projected(path="a", source="b", bytes=1, sha256="0" * 64)]
    for name, content in {
        "receipt.json": receipt,
        "step.json": {"status": "ok", "reason": None, "outputs": {"model.json": "0" * 64}},
    }.items():
        (folder / name).write_text(json.dumps(content))
    files = PlacedFiles(projection="0" * 64, files=placed)
    write_placed_list(folder / "dist.json", PlacedList(lines={"": files.format()}))
    save_projection(folder, projected)
    database = CacheDatabase(str(folder / "doit.db"), None)
    for key, value in {"_values_:": {}, "deps:": [], "checker:": "MD5Checker", "a": [1]}.items():
        database.set("one", key, value)
    database.set_seal("m", {"model": "0" * 64, "files": {"map.json": 1}, "local": {}, "steps": 1})
    database.dump()


def read_build_records(folder: Path) -> None:
    """Read the records of the engine."""
    load_receipt(folder)
    load_outcome(folder / "step.json")
    database = CacheDatabase(str(folder / "doit.db"), None)
    for task in ("one", "two"):
        database.get(task, "_values_:")
        database.in_(task)
    database.seal("m")
    load_placed(folder / "dist.json")
    list(load_projection([folder / "projection.json"]))


def write_model_records(folder: Path) -> None:
    """Write the record of each step into a folder of its own."""
    for step, record in _RECORDS.items():
        (folder / step).mkdir()
        record.save(folder / step)


def read_model_records(folder: Path) -> None:
    """Read the record of each step; a refusal waits until all of them are read."""
    refusals = []
    for step, record in _RECORDS.items():
        try:
            type(record).load(folder / step)
        except PipelineError as error:
            refusals.append(error)
    if refusals:
        raise refusals[0]
