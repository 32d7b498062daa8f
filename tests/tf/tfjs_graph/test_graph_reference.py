"""References of graph models: TensorFlow runs graphs that are made for TensorFlow.js."""

from base64 import b64encode
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from graph_models import Array, Json, node, placeholder, tensor_info, write_graph_model

from pipeline.errors import ConversionError, UntrustedSourceError
from pipeline.proof.vector_files import Vectors, load_vectors
from pipeline.records.flags import SourceFlags
from pipeline.records.source import Conversion
from pipeline.tfjs.model.model_json import load_model_json
from pipeline.tfjs.model.signature import read_signature
from pipeline.workers.pool import TensorFlowPool

pytestmark = pytest.mark.tensorflow

Refer = Callable[..., Vectors]
RNG = np.random.default_rng(7)
ALPHA = np.array([0.25, 0.5, 2.0], np.float32)
KERNEL = RNG.normal(size=(1, 1, 3, 3)).astype(np.float32)
DEPTHWISE = RNG.normal(size=(1, 1, 3, 1)).astype(np.float32)
BIAS = np.array([0.5, -0.25, 0.0], np.float32)


@pytest.fixture
def refer(pool: TensorFlowPool, tmp_path: Path) -> Refer:
    """Write a graph model of one image input `x` and one output `y`, and its reference."""

    def refer_now(nodes: list[Json], weights: Mapping[str, Array]) -> Vectors:
        signature = {
            "inputs": {"x": tensor_info("x:0", (-1, 4, 4, 3))},
            "outputs": {"y": tensor_info("y:0", (-1, 4, 4, 3))},
        }
        path = write_graph_model(
            tmp_path / "model",
            nodes=[placeholder("x", (-1, 4, 4, 3)), *nodes],
            weights=weights,
            signature=signature,
        )
        folder = tmp_path / "reference"
        folder.mkdir()
        arguments = {
            "source": path.parent,
            "folder": folder,
            "signature": read_signature(load_model_json(path), Conversion()),
            "record": Conversion(),
            "seed": "seed",
            "task": None,
            "given": None,
            "contracts": {},
            "flags": SourceFlags(),
        }
        function = "pipeline.tf.tfjs_graph.graph_reference:run_graph_model"
        pool.submit(function, arguments, log=tmp_path / "log.txt").result()
        return load_vectors(folder)

    return refer_now


def fused(op: str, inputs: list[str], *ops: str, **attributes: Json) -> Json:
    """Return a fused op called `y`."""
    made = node("y", op, inputs)
    made["attr"] |= {
        "strides": {"list": {"i": ["1", "1", "1", "1"]}},
        "padding": {"s": b64encode(b"SAME").decode()},
        "fused_ops": {"list": {"s": [b64encode(name.encode()).decode() for name in ops]}},
        "num_args": {"i": "1"},
        # An attribute of another release, which TensorFlow does not have.
        "of_no_release": {"b": True},
        **attributes,
    }
    return made


def elu(x: Array) -> Array:
    values: Array = np.where(x > 0, x, np.expm1(np.minimum(x, 0.0)))
    return values


def prelu(x: Array) -> Array:
    values: Array = np.maximum(x, 0) + ALPHA * np.minimum(x, 0)
    return values


@pytest.mark.parametrize(
    ("made", "compute"),
    [
        pytest.param(
            fused("_FusedConv2D", ["x", "kernel", "bias"], "BiasAdd", "Relu6"),
            lambda x: np.clip(x @ KERNEL[0, 0] + BIAS, 0, 6),
            id="a fused convolution",
        ),
        pytest.param(
            fused("_FusedConv2D", ["x", "kernel", "bias", "alpha"], "BiasAdd", "Prelu"),
            lambda x: prelu(x @ KERNEL[0, 0] + BIAS),
            id="a fused convolution with Prelu",
        ),
        pytest.param(
            fused(
                "_FusedConv2D",
                ["x", "kernel", "bias"],
                *("BiasAdd", "LeakyRelu"),
                leakyrelu_alpha={"f": 0.3},
            ),
            lambda x: np.where((v := x @ KERNEL[0, 0] + BIAS) > 0, v, np.float32(0.3) * v),
            id="a fused convolution with a leak of its own",
        ),
        pytest.param(
            fused("FusedDepthwiseConv2dNative", ["x", "depthwise", "bias"], "BiasAdd", "Elu"),
            lambda x: elu(x * DEPTHWISE[0, 0, :, 0] + BIAS),
            id="a fused depthwise convolution",
        ),
        pytest.param(node("y", "Prelu", ["x", "alpha"]), prelu, id="Prelu"),
        pytest.param(
            node("y", "Mul", ["x", "alpha"], dtype="float32")
            | {"attr": {"T": {"type": "DT_HALF"}}},
            lambda x: x * ALPHA,
            id="half floats, which TensorFlow.js computes in float32",
        ),
    ],
)
def test_ops_of_tensorflow_js_are_taken_apart(
    refer: Refer, made: Json, compute: Callable[[Array], Array]
) -> None:
    weights = {"kernel": KERNEL, "depthwise": DEPTHWISE, "bias": BIAS, "alpha": ALPHA}
    loaded = refer([made], weights)

    for vector in loaded.vectors:
        assert np.allclose(vector.outputs["y"], compute(vector.inputs["x"]), atol=1e-4)
    assert loaded.runtime == "tensorflow 2.19.0"


@pytest.mark.parametrize(
    ("made", "error"),
    [
        pytest.param(node("y", "NoSuchOp", ["x"]), ConversionError, id="an op of nobody"),
        pytest.param(
            node("y", "WriteFile", ["x", "alpha"]), UntrustedSourceError, id="an op that writes"
        ),
    ],
)
def test_a_graph_that_tensorflow_must_not_or_cannot_run_is_refused(
    refer: Refer, made: Json, error: type[Exception]
) -> None:
    with pytest.raises(error):
        refer([made], {"alpha": ALPHA})


def test_a_depthwise_convolution_with_holes(refer: Refer) -> None:
    """TensorFlow's kernels for processors refuse dilations; TensorFlow.js has them."""
    kernel = RNG.normal(size=(3, 2, 3, 1)).astype(np.float32)
    made = fused("FusedDepthwiseConv2dNative", ["x", "kernel", "bias"], "BiasAdd", "Relu6")
    made["attr"]["dilations"] = {"list": {"i": ["1", "2", "2", "1"]}}

    vectors = refer([made], {"kernel": kernel, "bias": BIAS})

    for vector in vectors.vectors:
        x = np.pad(vector.inputs["x"], [(0, 0), (2, 2), (1, 1), (0, 0)])
        total = sum(
            x[:, 2 * row : 2 * row + 4, 2 * column : 2 * column + 4] * kernel[row, column, :, 0]
            for row in range(3)
            for column in range(2)
        )
        expected = np.clip(total + BIAS, 0, 6)
        np.testing.assert_allclose(vector.outputs["y"], expected, atol=1e-5)
