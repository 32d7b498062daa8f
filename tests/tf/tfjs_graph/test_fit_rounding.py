"""The rounding of a graph's weights, fitted to inputs that are made for it, in TensorFlow."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from graph_models import Json, node, placeholder, tensor_info, write_graph_model
from tfjs_runtime import run

from pipeline.proof.fit_rounding import find_calibration
from pipeline.proof.vector_files import Vector, Vectors, write_vectors
from pipeline.records.contract import Contracts, InputContract
from pipeline.records.source import Conversion
from pipeline.tfjs.model.model_json import load_model_json
from pipeline.tfjs.model.signature import read_signature
from pipeline.tfjs.model.weights import Array
from pipeline.tfjs.quantize.choice import possible_forms
from pipeline.tfjs.quantize.form_files import write_forms
from pipeline.tfjs.quantize.forms import AS_IN_BASE, Form
from pipeline.tfjs.quantize.variant_files import open_base
from pipeline.workers.pool import TensorFlowPool

pytestmark = [pytest.mark.tensorflow, pytest.mark.network]

RNG = np.random.default_rng(8)
IMAGE = (1, 24, 20, 3)


def numbers(*values: int) -> Json:
    return {"list": {"i": [str(value) for value in values]}}


def window(name: str, op: str, reads: Sequence[str], *, stride: int = 1, rate: int = 1) -> Json:
    made = node(name, op, reads)
    made["attr"] |= {
        "strides": numbers(1, stride, stride, 1),
        "dilations": numbers(1, rate, rate, 1),
        "padding": {"s": b64encode(b"SAME").decode()},
        "data_format": {"s": b64encode(b"NHWC").decode()},
    }
    return made


WEIGHTS = {
    "stem": RNG.normal(size=(3, 3, 3, 24)) / 5,
    "spread": RNG.normal(size=(3, 3, 24, 2)) / 3,
    "join": RNG.normal(size=(1, 1, 48, 32)) / 7,
    "wide": RNG.normal(size=(3, 3, 32, 16)) / 17,
    "score": RNG.normal(size=(12, 16)) / 4,
    "rows": RNG.normal(size=(40, 64)),
}
NODES = [
    window("a", "Conv2D", ["image", "stem"], stride=2),
    node("b", "Relu", ["a"]),
    window("c", "DepthwiseConv2dNative", ["b", "spread"]),
    window("d", "Conv2D", ["c", "join"]),
    node("e", "Relu", ["d"]),
    window("f", "Conv2D", ["e", "wide"], rate=2),
    node("g", "Mean", ["f", "axes"]),
    node("y", "MatMul", ["g", "score"], transpose_b=True),
    node("z", "MatMul", ["rows", "column"]),
]


def write_base(folder: Path) -> Path:
    weights: Mapping[str, Array] = {
        **{name: values.astype(np.float32) for name, values in WEIGHTS.items()},
        "axes": np.array([1, 2], np.int32),
        "column": np.ones((64, 1), np.float32),
    }
    signature = {
        "inputs": {"image": tensor_info("image:0", IMAGE)},
        "outputs": {"y": tensor_info("y:0", (1, 12)), "z": tensor_info("z:0", (40, 1))},
    }
    nodes = [placeholder("image", IMAGE), *NODES]
    return write_graph_model(
        folder / "base", nodes=nodes, weights=weights, signature=signature
    ).parent


def fit(pool: TensorFlowPool, folder: Path, base: Path, forms: Mapping[str, Form]) -> Any:
    reference = folder / "reference"
    reference.mkdir()
    contract = InputContract(range=(0, 1), color="rgb")
    Contracts(inputs={"image": contract}, provisional=None).save(reference)
    given = Vector(inputs={"image": np.zeros(IMAGE, np.float32)}, outputs={})
    write_vectors(reference, Vectors(vectors=[given], seed="", runtime=""))
    made = folder / "numbers"
    made.mkdir()
    arguments = {
        "base": base,
        "signature": read_signature(load_model_json(base / "model.json"), Conversion()),
        "reference": reference,
        "forms": forms,
        "calibration": find_calibration("net", None),
        "folder": made,
        "file": "numbers.bin",
        "trust": False,
    }
    function = "pipeline.tf.tfjs_graph.fit_rounding:fit_rounding"
    return pool.submit(function, arguments, log=folder / "log.txt").result().value


def test_fitted_numbers_keep_the_outputs_in_tensorflow_js(
    pool: TensorFlowPool, tmp_path: Path
) -> None:
    base = write_base(tmp_path)
    model_json = open_base(base, None)
    forms = {
        name: next((form for form in found if form.is_scaled), AS_IN_BASE)
        for name, found in possible_forms(model_json).items()
    }
    scaled = {name: form for name, form in forms.items() if form.is_scaled}
    sizes = fit(pool, tmp_path, base, scaled)

    assert "rows" in scaled
    assert sizes == {name: WEIGHTS[name].size for name in WEIGHTS if name != "rows"}
    raw = np.fromfile(tmp_path / "numbers/numbers.bin", np.uint8)
    ends = np.cumsum(list(sizes.values()))
    fitted = dict(zip(sizes, np.split(raw, ends)[:-1], strict=True))
    models = {"base": base}
    for name, given in (("nearest", {}), ("fitted", fitted)):
        models[name] = tmp_path / name
        models[name].mkdir()
        write_forms(
            model_json=model_json,
            base=base,
            name=name,
            forms=forms,
            shard_size_bytes=1 << 20,
            folder=models[name],
            numbers=given,
        )
    image = np.clip(np.cumsum(RNG.normal(size=IMAGE), 1) / 9 + 0.5, 0, 1).astype(np.float32)
    runs = run(tmp_path, models, [{"image": image}], backends={"cpu": [*models]})["cpu"]
    exact, nearest, found = (runs[name].outputs[0]["y"] for name in models)
    assert np.linalg.norm(found - exact) < 0.6 * np.linalg.norm(nearest - exact)
