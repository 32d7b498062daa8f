"""Weights of 4 bits in a graph, in the real TensorFlow.js: it computes what they decode to."""

from base64 import b64encode
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tfjs_runtime import run, write_model

from pipeline.tfjs.quantize.choice import possible_forms
from pipeline.tfjs.quantize.form_files import write_forms
from pipeline.tfjs.quantize.forms import Form, encode
from pipeline.tfjs.quantize.variant_files import open_base

pytestmark = pytest.mark.network  # TensorFlow.js, once

Json = dict[str, Any]
RNG = np.random.default_rng(9)
WEIGHTS = {
    "filter": RNG.normal(0, 0.1, (3, 3, 32, 64)).astype(np.float32),
    "dense": RNG.normal(0, 0.1, (64, 97)).astype(np.float32),
    "table": RNG.normal(0, 0.1, (77, 97, 2)).astype(np.float32),
}
FLOAT = {"T": {"type": "DT_FLOAT"}}


def numbers(*values: int) -> Json:
    return {"list": {"i": [str(value) for value in values]}}


def text(value: str) -> Json:
    return {"s": b64encode(value.encode()).decode()}


def nodes() -> list[Json]:
    """Return a convolution, a product of matrices, and rows of a table that are looked up."""
    window = {
        "strides": numbers(1, 1, 1, 1),
        "dilations": numbers(1, 1, 1, 1),
        "padding": text("SAME"),
        "data_format": text("NHWC"),
    }
    return [
        {"name": "conv", "op": "Conv2D", "input": ["image", "filter"], "attr": FLOAT | window},
        {"name": "product", "op": "MatMul", "input": ["row", "dense"],
         "attr": FLOAT | {"transpose_a": {"b": False}, "transpose_b": {"b": False}}},
        {"name": "found", "op": "GatherV2", "input": ["table", "places", "first"],
         "attr": {"Tparams": {"type": "DT_FLOAT"}, "Tindices": {"type": "DT_INT32"},
                  "Taxis": {"type": "DT_INT32"}, "batch_dims": {"i": "0"}}},
    ]  # fmt: skip


def packed_forms(folder: Path, *, blocks: bool) -> dict[str, Form]:
    """Return the form of 4 bits of each weight, in blocks where it has one."""
    found = {}
    for name, forms in possible_forms(open_base(folder, None)).items():
        packed = [form for form in forms if form.bits != 8]
        if packed:
            found[name] = next((form for form in packed if bool(form.block) == blocks), packed[0])
    return found


@pytest.mark.parametrize("blocks", [False, True], ids=["channels", "blocks"])
def test_a_variant_computes_what_its_weights_decode_to(tmp_path: Path, blocks: bool) -> None:
    places = {"places": np.array([3, 70], np.int32), "first": np.array(0, np.int32)}
    given = {
        "image": RNG.normal(0, 1, (1, 6, 5, 32)).astype(np.float32),
        "row": RNG.normal(0, 1, (2, 64)).astype(np.float32),
    }
    known: Json = {
        "inputs": {name: ("float32", values.shape) for name, values in given.items()},
        "outputs": {name: f"{name}:0" for name in ("conv", "product", "found")},
    }
    weights = WEIGHTS | places
    source = write_model(tmp_path / "source", nodes(), weights=weights, **known)
    forms = packed_forms(source, blocks=blocks)
    rounded = {name: encode(values, forms[name]).decode() for name, values in WEIGHTS.items()}
    base = write_model(tmp_path / "base", nodes(), weights=rounded | places, **known)
    variant = tmp_path / "variant"
    variant.mkdir()
    record = write_forms(
        model_json=open_base(source, None),
        base=source,
        name="variant",
        forms=forms,
        shard_size_bytes=1 << 20,
        folder=variant,
    )
    models = {"base": base, "variant": variant}
    ran = run(tmp_path, models, [given], backends={name: [*models] for name in ("wasm", "cpu")})

    assert forms.keys() == WEIGHTS.keys()
    assert any(form.block for form in forms.values()) == blocks
    assert record.bytes < 0.2 * sum(path.stat().st_size for path in source.iterdir())
    for results in ran.values():
        expected, found = (dict(results[name].outputs[0]) for name in models)
        for name in ("conv", "product", "found"):
            assert np.abs(expected[name]).max() > 0.1
            # Its weights are those of the base to the last bit.
            assert np.abs(found[name] - expected[name]).max() <= 1e-6
