"""The search in TensorFlow: costs of weights, and the smallest mix of a real graph."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from graph_models import Array, node
from searched_models import CONTRACT, NODES, RNG, WEIGHTS, X, Y, write_searched

from pipeline.errors import ConversionError, UntrustedSourceError
from pipeline.manifest.tolerance import Tolerance
from pipeline.proof.fit_rounding import find_calibration
from pipeline.proof.inputs.made_inputs import make_inputs
from pipeline.proof.judge.check import Candidate
from pipeline.records.recipe import Recipe
from pipeline.records.signature import TensorSpec
from pipeline.workers.pool import TensorFlowPool

pytestmark = pytest.mark.tensorflow

Find = Callable[..., Recipe]


@pytest.fixture
def find(pool: TensorFlowPool, tmp_path: Path) -> Find:
    """Write a graph model of `x` and `y`, and return the recipe that is found."""

    def find_now(  # noqa: PLR0913  # each can be replaced
        *,
        weights: Mapping[str, Array] = WEIGHTS,
        nodes: list[Any] = NODES,
        y: Array = Y,
        seconds: float = 60.0,
        x: Array = X,
        edge: tuple[Array, Array] | None = None,
        tolerance: Tolerance | None = None,
        quick: bool = False,
    ) -> Recipe:
        folders = write_searched(tmp_path, weights=weights, nodes=nodes, x=x, y=y, edge=edge)
        answer = pool.submit(
            "pipeline.tf.tfjs_graph.smallest_mix:find_smallest_mix",
            {
                "inputs": folders,
                "candidate": Candidate(name="smallest", tolerances=[tolerance]),
                "seconds": seconds,
                "calibration": None if quick else find_calibration("net", None),
                "trust": False,
                "folder": tmp_path,
            },
            log=tmp_path / "log.txt",
            reads=list(folders.values()),
        ).result()
        return Recipe.model_validate(answer.value)

    return find_now


def test_a_weight_that_moves_the_output_less_gets_fewer_bits(find: Find) -> None:
    recipe = find()

    assert recipe.reason is None
    assert recipe.bytes is not None
    assert recipe.bytes < 0.3 * recipe.base_bytes
    assert recipe.forms["faint"].bits == 4
    assert recipe.forms["loud"].bits == 8
    # Within the limit of uint8, with the margin.
    assert recipe.share is not None
    assert recipe.share < 0.01 / 1.1


def test_fitted_numbers_are_taken_where_they_keep_the_outputs(find: Find) -> None:
    # What the second layer reads has 8 dimensions: errors of its weights can cancel out there.
    few = RNG.normal(0, 1, (64, 8)).astype(np.float32)
    many, last = (RNG.normal(0, 1, shape).astype(np.float32) for shape in ((8, 256), (256, 64)))
    nodes = [
        NODES[0],
        node("a", "MatMul", ["x", "few"], transpose_a=False, transpose_b=False),
        node("b", "MatMul", ["a", "many"], transpose_a=False, transpose_b=False),
        node("y", "MatMul", ["b", "last"], transpose_a=False, transpose_b=False),
    ]
    x = make_inputs(
        [TensorSpec(name="x", dtype="float32", shape=(4, 64))],
        seed="net",
        index=0,
        contracts={"x": CONTRACT},
    )["x"]
    asked: dict[str, Any] = {
        "weights": {"few": few, "many": many, "last": last},
        "nodes": nodes,
        "x": x,
        "y": x @ few @ many @ last,
    }
    recipe, nearest = find(**asked), find(**asked, quick=True)

    assert recipe.calibrate
    assert recipe.forms["last"].bits == 4
    assert not nearest.calibrate


def test_the_same_graph_gives_the_same_recipe(find: Find) -> None:
    assert find() == find()


def test_a_quick_search_tries_few_mixes(find: Find) -> None:
    quick, full = find(quick=True), find()

    assert quick.reason is None
    assert quick.bytes is not None
    assert full.bytes is not None
    # Here only kinds of forms for all weights: each passes or not.
    assert len(quick.tried) < len(full.tried)
    assert full.bytes < quick.bytes < 0.3 * quick.base_bytes


def test_sizes_and_errors_of_what_was_tried_are_told(find: Find) -> None:
    recipe = find()
    best = [one for one in recipe.tried if one.bytes == recipe.bytes and one.passes]

    assert best
    assert min(one.bytes for one in recipe.tried if one.passes) == recipe.bytes
    assert any(not one.passes and (one.strain or 0) > 1 for one in recipe.tried)


def test_where_nothing_passes_the_nearest_is_told(find: Find) -> None:
    recipe = find(
        weights={"loud": WEIGHTS["loud"]},
        nodes=[*NODES[:2], node("y", "Identity", ["a"])],
        y=X @ WEIGHTS["loud"],
        tolerance=Tolerance(max_relative_error=1e-5),
    )

    assert recipe.forms == {}
    assert recipe.reason is not None
    assert recipe.reason.startswith("no mix passes; the nearest, of ")
    assert recipe.reason.endswith("expected at most 0.001 % (the manifest's tolerance)")


def test_a_mix_that_is_infinite_on_extreme_values_does_not_pass(find: Find) -> None:
    # log(|x|·w + |guard|): of zeros it is that of the guard, part of which is 0 in uint8.
    guard = (10.0 ** RNG.uniform(-6, -3, 128) * RNG.choice([-1, 1], 128)).astype(np.float32)
    loud = np.abs(WEIGHTS["loud"])
    nodes = [
        NODES[0],
        node("p", "Abs", ["x"]),
        node("a", "MatMul", ["p", "loud"], transpose_a=False, transpose_b=False),
        node("q", "Abs", ["guard"]),
        node("g", "AddV2", ["a", "q"]),
        node("y", "Log", ["g"]),
    ]
    zeros = (np.zeros((1, 64), np.float32), np.log(np.abs(guard))[None])
    asked: dict[str, Any] = {
        "weights": {"loud": loud, "guard": guard},
        "nodes": nodes,
        "y": np.log(np.abs(X) @ loud + np.abs(guard)),
    }

    assert find(**asked).forms["guard"].dtype == "uint8"
    assert find(**asked, edge=zeros).forms["guard"].dtype != "uint8"


def test_the_best_by_the_end_of_the_time_is_taken(find: Find) -> None:
    recipe = find(seconds=1e-6)

    assert recipe.cut
    assert recipe.forms == {}


def test_a_base_that_is_not_what_its_source_does_is_refused(find: Find) -> None:
    with pytest.raises(ConversionError, match="something else than the source"):
        find(y=Y + 1)


def test_a_graph_that_might_touch_the_machine_is_refused(find: Find) -> None:
    nodes = [*NODES[:3], node("r", "ReadFile", ["x"]), NODES[3]]

    with pytest.raises(UntrustedSourceError, match="ReadFile"):
        find(nodes=nodes)
