"""Values inside a graph model, in TensorFlow."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from graph_models import Array, dense_nodes, dense_weights, node, write_graph_model

from pipeline.errors import ConversionError, UntrustedSourceError
from pipeline.proof.vector_files import Tensors, Vector, Vectors, load_vectors, write_vectors
from pipeline.workers.pool import TensorFlowPool

pytestmark = pytest.mark.tensorflow

Read = Callable[..., tuple[Tensors, Tensors]]
X = np.linspace(-2, 2, 16, dtype=np.float32).reshape(2, 8)
WEIGHTS = dense_weights()
LOGITS = X @ WEIGHTS["kernel"] + WEIGHTS["bias"]


@pytest.fixture
def read(pool: TensorFlowPool, tmp_path: Path) -> Read:
    """Return the values of tensors in a dense layer, and their values after a stir."""

    def read_now(
        values: Mapping[str, Array], *asked: tuple[Sequence[str], Sequence[str]], **model: Any
    ) -> tuple[Tensors, Tensors]:
        source = write_graph_model(tmp_path / "model", weights=WEIGHTS, **model).parent
        given, folder = tmp_path / "given", tmp_path / "found"
        for path in (given, folder):
            path.mkdir()
        vectors = Vectors(vectors=[Vector(inputs=values, outputs={})], seed="", runtime="")
        write_vectors(given, vectors)
        arguments = {
            "source": source,
            "given": given,
            "asked": [{"fed": list(fed), "tensors": list(tensors)} for fed, tensors in asked],
            "folder": folder,
            "trust": False,
        }
        function = "pipeline.tf.tfjs_graph.node_values:write_node_values"
        pool.submit(function, arguments, log=folder / "log.txt").result()
        found, stirred = (vector.outputs for vector in load_vectors(folder).vectors)
        return found, stirred

    return read_now


def test_tensors_inside_are_read_and_a_stir_moves_them_by_their_last_bits(read: Read) -> None:
    found, stirred = read({"x:0": X}, (["x:0"], ["MatMul:0", "BiasAdd:0", "no:0", "MatMul:1"]))

    assert sorted(found) == ["BiasAdd:0", "MatMul:0"]
    np.testing.assert_allclose(found["BiasAdd:0"], LOGITS, rtol=1e-5, atol=1e-6)
    error = np.abs(stirred["BiasAdd:0"] - found["BiasAdd:0"]).max()
    assert 0 < error < 1e-5


def test_a_tensor_that_is_fed_needs_nothing_before_it(read: Read) -> None:
    values = {"x:0": X, "MatMul:0": np.zeros((2, 4), np.float32)}

    found, _ = read(values, (["x:0", "MatMul:0"], ["BiasAdd:0"]), (["x:0"], ["Identity:0"]))

    np.testing.assert_array_equal(found["BiasAdd:0"], np.stack([WEIGHTS["bias"]] * 2))
    np.testing.assert_allclose(found["Identity:0"], LOGITS, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("op", "error"),
    [("NoSuchOp", ConversionError), ("WriteFile", UntrustedSourceError)],
)
def test_a_graph_that_must_not_or_cannot_run_is_refused(
    read: Read, op: str, error: type[Exception]
) -> None:
    nodes = [*dense_nodes(), node("last", op, ["BiasAdd", "bias"])]

    with pytest.raises(error):
        read({"x:0": X}, (["x:0"], ["MatMul:0"]), nodes=nodes)
