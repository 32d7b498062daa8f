"""Layers models as graph models, compared in the real TensorFlow.js."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from layers_models import (
    dense,
    functional,
    image,
    layer,
    score_weights,
    sequential,
    write_layers_model,
)
from tfjs_runtime import run

from pipeline.errors import ConversionError, UntrustedSourceError
from pipeline.records.flags import ConversionFlags
from pipeline.records.source import Conversion
from pipeline.tfjs.model.model_json import load_model_json
from pipeline.tfjs.model.signature import read_signature
from pipeline.tfjs.quantize.variant_files import write_variant
from pipeline.workers.pool import TensorFlowPool

pytestmark = pytest.mark.tensorflow

Json = dict[str, Any]
Convert = Callable[[Path], tuple[Path, Conversion]]
X = np.linspace(-1, 1, 16, dtype=np.float32).reshape(2, 8)


@pytest.fixture
def convert(pool: TensorFlowPool, tmp_path: Path) -> Convert:
    """Return a function that gives the folder of the graph model, named, and the record."""

    def convert_now(source: Path) -> tuple[Path, Conversion]:
        base, named = tmp_path / "base", tmp_path / "named"
        base.mkdir()
        named.mkdir()
        flags = ConversionFlags(control_flow_v2=True)
        arguments = {"source": source, "folder": base, "flags": flags}
        function = "pipeline.tf.keras.layers_to_graph:convert_layers_model"
        log = tmp_path / "convert.txt"
        value = pool.submit(function, arguments, log=log).result().value
        record = Conversion.model_validate(value)
        write_variant(
            base=base,
            signature=read_signature(load_model_json(base / "model.json"), record),
            name="base",
            quantize={},
            shard_size_bytes=4 * 1024**2,
            folder=named,
        )
        return named, record

    return convert_now


def recurrent() -> Json:
    inner = {"units": 3, "recurrent_activation": "sigmoid"}
    lstm = {"class_name": "LSTM", "config": {"name": "lstm", "return_sequences": True, **inner}}
    layers = [
        image(shape=(None, 4, 8)),
        layer("Bidirectional", "both", ["image"], layer=lstm, merge_mode="concat"),
        layer("LSTM", "score", ["both"], **inner),
    ]
    return functional(layers, outputs=["score"])


def recurrent_weights() -> dict[str, Any]:
    rng = np.random.default_rng(0)

    def cell(scope: str, size: int) -> dict[str, Any]:
        shapes = {"kernel": (size, 12), "recurrent_kernel": (3, 12), "bias": (12,)}
        return {
            f"{scope}/{name}": rng.normal(size=s).astype(np.float32) for name, s in shapes.items()
        }

    return {
        **cell("both/forward_lstm", 8),
        **cell("both/backward_lstm", 8),
        # As newer Keras writes it; TensorFlow.js looks for it without the cell's name.
        **cell("score/lstm_cell", 6),
    }


@pytest.mark.parametrize(
    ("model", "weights", "inputs"),
    [
        pytest.param(None, None, {"image": X}, id="functional"),
        pytest.param(
            sequential(dense(batch_input_shape=[None, 8])),
            None,
            {"score_input": X},
            id="sequential",
        ),
        pytest.param(
            recurrent(),
            recurrent_weights(),
            {"image": np.stack([X[:, :], -X, X * 2, X], axis=1)},
            id="recurrent",
        ),
    ],
)
def test_the_graph_returns_what_the_layers_do(
    convert: Convert, tmp_path: Path, model: Json | None, weights: Any, inputs: Json
) -> None:
    source = write_layers_model(tmp_path / "m", model, weights=weights)

    graph, record = convert(source)

    models = {"layers": source.parent, "graph": graph}
    runs = run(tmp_path, models, [inputs], backends={"cpu": [*models]})["cpu"]
    assert {name: made.error for name, made in runs.items()} == {"layers": None, "graph": None}
    expected, found = (runs[name].outputs[0] for name in ("layers", "graph"))
    assert list(found) == list(expected) == ["score"]
    np.testing.assert_allclose(found["score"], expected["score"], atol=1e-6)
    assert record.signature_key == "call"


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        pytest.param(
            {"score/kernel": np.ones((8, 4), np.float32)},
            "weights missing: score/bias",
            id="missing",
        ),
        pytest.param(
            {**score_weights(), "more/kernel": np.ones(3, np.float32)},
            "weights of no layer: more/kernel",
            id="left over",
        ),
        pytest.param(
            {**score_weights(), "score/bias": np.ones(3, np.float32)},
            r"weight 'score/bias' is \(3,\); its layer has \(4,\)",
            id="of another shape",
        ),
    ],
)
def test_weights_that_do_not_fit_are_named(
    convert: Convert, tmp_path: Path, weights: Any, message: str
) -> None:
    with pytest.raises(ConversionError, match=message):
        convert(write_layers_model(tmp_path / "m", weights=weights))


def test_layers_that_nobody_has_are_refused_before_anything_is_built(
    convert: Convert, tmp_path: Path
) -> None:
    code = layer("Lambda", "score", ["image"], function=["4wEAAAA=", None, None])
    source = write_layers_model(tmp_path / "m", functional([image(), code], outputs=["score"]))

    with pytest.raises(ConversionError, match=r"does not have these layers: Lambda \(score\)"):
        convert(source)


def test_code_in_the_place_of_a_function_is_refused(convert: Convert, tmp_path: Path) -> None:
    code = {"class_name": "__lambda__", "config": {"value": "4wEAAAA="}}
    model = functional([image(), dense(activation=code)], outputs=["score"])

    with pytest.raises(UntrustedSourceError, match="would run"):
        convert(write_layers_model(tmp_path / "m", model))
