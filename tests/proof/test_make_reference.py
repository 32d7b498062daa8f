"""The search for inputs that a model runs with and that tell something, with small models."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pipeline.errors import ConversionError, ManifestError
from pipeline.proof.inputs.input_search import Run
from pipeline.proof.inputs.trial_runs import MAX_BYTES
from pipeline.proof.make_reference import Reference, make_reference, write_reference
from pipeline.proof.vector_files import Tensors, load_vectors
from pipeline.records.contract import InputContract
from pipeline.records.signature import TensorSpec

Model = Callable[[Tensors], Tensors]
Sizes = tuple[int | None, ...]

IMAGE = (None, None, None, 3)


def runs(model: Model) -> Run:
    """Return what runs a model written in numpy, as TensorFlow or TensorFlow.js would."""

    def run(inputs: Sequence[Tensors]) -> list[Tensors | str]:
        results: list[Tensors | str] = []
        for one in inputs:
            try:
                results.append(model(one))
            except ValueError as error:
                results.append(str(error))
        return results

    return run


def refer(model: Model, shape: Sizes, outputs: Sequence[str] = ("y",), **options: Any) -> Reference:
    """Return the reference of a model that takes `x` of a shape, without its edges."""
    whole = refer_all(model, shape, outputs, **options)
    vectors = [vector for vector in whole.vectors if vector.kind != "edge"]
    return replace(whole, vectors=vectors)


def refer_all(
    model: Model, shape: Sizes, outputs: Sequence[str] = ("y",), **options: Any
) -> Reference:
    """Return the reference of a model that takes `x` of a shape."""
    options = {"seed": "model", "task": None, "given": None, "contracts": {}, **options}
    x = TensorSpec(name="x", dtype="float32", shape=shape)
    return make_reference(runs(model), [x], outputs, **options)


def mean(inputs: Tensors) -> Tensors:
    return {"y": inputs["x"].mean(axis=(1, 2))}


def test_two_vectors_of_each_range_one_of_them_a_batch() -> None:
    reference = refer(mean, (None, 16, 16, 8))

    shapes = [vector.inputs["x"].shape for vector in reference.vectors]
    assert shapes == [(1, 16, 16, 8), (1, 16, 16, 8), (2, 16, 16, 8), (1, 16, 16, 8)]
    assert [vector.group for vector in reference.vectors] == ["0..1", "-1..1"] * 2
    assert {vector.kind for vector in reference.vectors} == {"made"}
    assert reference.vectors[2].note == "a batch of 2; the second sample is that of vector 0"
    assert np.array_equal(
        reference.vectors[2].outputs["y"][1], reference.vectors[0].outputs["y"][0]
    )
    assert (reference.attempts, reference.random, reference.constant) == (1, {}, {})


def test_three_samples_where_the_range_is_known_and_edges_beside_them() -> None:
    contracts = {"x": InputContract(range=(0.0, 255.0))}
    whole = refer_all(mean, (None, 16, 16, 3), contracts=contracts).vectors

    assert [vector.kind for vector in whole] == ["sample"] * 3 + ["edge"] * 3
    assert [len(vector.inputs["x"]) for vector in whole] == [1, 2, 1, 1, 1, 1]
    assert [str(vector.note) for vector in whole[3:]] == [
        "even noise",
        "all at the least, silent or empty; y is 0.0 throughout",
        "all at the greatest; y is 255.0 throughout",
    ]
    assert {vector.group for vector in whole} == {None}


def test_noise_in_each_range_where_nobody_states_it() -> None:
    edges = refer_all(mean, (None, 16, 16, 3)).vectors[6:]

    assert [(vector.kind, vector.group) for vector in edges] == [
        ("edge", "0..1"),
        ("edge", "0..255"),
        ("edge", "-1..1"),
    ]


def test_an_output_that_varies_on_edges_only_is_constant() -> None:
    def shy(inputs: Tensors) -> Tensors:
        is_edge = inputs["x"].min() == inputs["x"].max()
        return {"y": mean(inputs)["y"] if is_edge else np.zeros((1, 3))}

    assert refer(shy, (1, 16, 16, 3)).constant == {"y": "0.0 on every vector"}


def test_an_edge_on_which_the_model_fails_is_noted() -> None:
    def strict(inputs: Tensors) -> Tensors:
        if inputs["x"].max() == inputs["x"].min():
            raise ValueError("no contrast")
        return mean(inputs)

    contracts = {"x": InputContract(range=(0.0, 1.0))}
    whole = refer_all(strict, (1, 16, 16, 3), contracts=contracts)

    assert [vector.kind for vector in whole.vectors] == ["sample"] * 3 + ["edge"]
    assert whole.notes[-1] == "does not run on an extreme, all at the greatest: no contrast"


def test_edges_are_bounded_by_their_size() -> None:
    contracts = {"x": InputContract(range=(0.0, 1.0))}
    whole = refer_all(mean, (1, 400, 400, 3), contracts=contracts)

    assert [str(vector.note) for vector in whole.vectors if vector.kind == "edge"][:1] == [
        "even noise"
    ]
    assert len(whole.vectors) == 5
    assert whole.notes == ["left out for its bytes: all at the greatest"]


def test_a_sequence_grows_until_something_is_left_of_it() -> None:
    def cropping(inputs: Tensors) -> Tensors:
        return {"y": inputs["x"][:, 5000:-5000]}

    reference = refer(cropping, (None, None, 4))

    assert reference.vectors[0].inputs["x"].shape == (1, 16384, 4)
    assert "(1, 8192, 4): every output is empty" in "\n".join(reference.notes)


def test_what_is_always_empty_is_taken_at_last() -> None:
    def nothing(inputs: Tensors) -> Tensors:
        return {"y": inputs["x"][:, :0]}

    reference = refer(nothing, (None, None, 4))

    assert reference.vectors[0].inputs["x"].shape == (1, 16, 4)
    assert reference.constant == {"y": "empty on every vector"}


def test_sizes_that_the_contract_states_are_the_only_ones_tried() -> None:
    contracts = {"x": InputContract(sizes=[1, 10240, 4])}
    shapes = {
        vector.inputs["x"].shape[1:]
        for vector in refer(
            lambda inputs: {"y": inputs["x"]}, (None, None, 4), contracts=contracts
        ).vectors
    }

    assert shapes == {(10240, 4)}


def test_the_same_seed_makes_the_same_reference() -> None:
    one, other = (refer(mean, (None, 16, 16, 3)) for _ in range(2))

    for left, right in zip(one.vectors, other.vectors, strict=True):
        assert np.array_equal(left.inputs["x"], right.inputs["x"])


def test_sizes_are_tried_until_the_model_runs() -> None:
    def picky(inputs: Tensors) -> Tensors:
        if inputs["x"].shape[1] != 192:
            raise ValueError(f"wants 192, not {inputs['x'].shape[1]}")
        return mean(inputs)

    reference = refer(picky, IMAGE)

    assert reference.attempts == 3
    assert reference.vectors[0].inputs["x"].shape == (1, 192, 192, 3)
    assert reference.notes[0] == "does not run with x float32 (1, 224, 224, 3): wants 192, not 224"


def test_a_model_that_never_runs_is_an_error_that_says_what_was_tried() -> None:
    def broken(_: Tensors) -> Tensors:
        raise ValueError("no kernel")

    with pytest.raises(ConversionError) as caught:
        refer(broken, (1, None))

    # Sizes do not matter to this error, so a dozen of them is enough.
    assert caught.value.message == (
        "the source model runs with none of 12 choices of sizes; on all the error is: no kernel"
    )
    assert "shape: [1, …]" in str(caught.value.hint)


def test_an_error_of_known_sizes_is_told_with_them() -> None:
    def broken(_: Tensors) -> Tensors:
        raise ValueError("no kernel")

    with pytest.raises(ConversionError, match=r"run with x float32 \(1, 64\): no kernel"):
        refer(broken, (1, 64))


def test_sizes_end_where_inputs_would_become_too_large() -> None:
    def greedy(inputs: Tensors) -> Tensors:
        raise ValueError(f"{inputs['x'].shape[1]} are too few")

    with pytest.raises(ConversionError) as caught:
        refer(greedy, (1, None))

    assert caught.value.message == (
        "the source model runs with none of 48 choices of sizes; with x float32 (1, 16): 16 are "
        "too few; with x float32 (1, 2097153): 2097153 are too few"
    )


def test_a_batch_that_does_not_run_is_said() -> None:
    def single(inputs: Tensors) -> Tensors:
        if len(inputs["x"]) > 1:
            raise ValueError("one at a time")
        return mean(inputs)

    reference = refer(single, (None, 16, 16, 8))

    assert [len(vector.inputs["x"]) for vector in reference.vectors] == [1] * 4
    assert reference.notes == ["a batch of 2 does not run: one at a time"]


def test_inputs_on_whose_values_the_model_fails_are_left_out() -> None:
    def narrow(inputs: Tensors) -> Tensors:
        if inputs["x"].max() > 2:
            raise ValueError("out of the image")
        return mean(inputs)

    reference = refer(narrow, (1, 16, 16, 3))

    assert {vector.group for vector in reference.vectors} == {"0..1", "-1..1"}
    assert reference.notes[:2] == [
        "input 1 does not run: out of the image",
        "input 4 does not run: out of the image",
    ]


def test_a_model_that_runs_with_one_input_only_is_an_error() -> None:
    first: list[bytes] = []

    def once(inputs: Tensors) -> Tensors:
        first.append(inputs["x"].tobytes())
        if inputs["x"].tobytes() != first[0]:
            raise ValueError("enough")
        return mean(inputs)

    with pytest.raises(
        ConversionError, match="input 0 only and not with 1, of the same shapes: en"
    ):
        refer(once, (1, 16, 16, 3))


def test_an_output_that_depends_on_the_batch_is_said() -> None:
    def normalized(inputs: Tensors) -> Tensors:
        return {"y": mean(inputs)["y"] - inputs["x"].mean()}

    (note,) = refer(normalized, (None, 16, 16, 8)).notes

    assert note.startswith("y depends on the batch: it differs by ")


def test_random_outputs_are_found_and_left_out() -> None:
    numbers = np.random.default_rng(0)

    def sampling(inputs: Tensors) -> Tensors:
        return {**mean(inputs), "sample": numbers.normal(size=(len(inputs["x"]), 3))}

    reference = refer(sampling, (None, 16, 16, 8), ("y", "sample"))

    assert list(reference.random) == ["sample"]
    assert "between two runs of one input" in reference.random["sample"]
    assert list(reference.vectors[0].outputs) == ["y"]


def test_noise_of_float_arithmetic_is_not_random() -> None:
    numbers = np.random.default_rng(0)

    def noisy(inputs: Tensors) -> Tensors:
        values = mean(inputs)["y"]
        return {"y": values * (1 + 1e-6 * numbers.normal(size=values.shape))}

    assert refer(noisy, (None, 16, 16, 8)).random == {}


def test_vectors_on_which_an_output_is_constant_are_changed_for_others() -> None:
    seen: list[bytes] = []

    def shy(inputs: Tensors) -> Tensors:
        """Return zeros for the first two inputs that it meets."""
        key = inputs["x"].tobytes()
        if key not in seen:
            seen.append(key)
        values = inputs["x"].reshape(1, -1)[:, :10]
        return {"y": values * 0 if seen.index(key) < 2 else values}

    reference = refer(shy, (1, 64))

    assert all(vector.outputs["y"].any() for vector in reference.vectors)
    assert reference.notes == [
        "input 0 is changed for 3, on which more varies",
        "input 1 is changed for 4, on which more varies",
    ]
    assert reference.constant == {}


def test_what_stays_constant_is_said() -> None:
    def stuck(inputs: Tensors) -> Tensors:
        size = len(inputs["x"])
        return {
            **mean(inputs),
            "mask": np.zeros((size, 4), np.float32),
            "anchors": np.broadcast_to(np.arange(5.0), (size, 5)),
            "none": np.zeros((size, 0, 4)),
            "count": np.full(size, 100, np.int32),
            "lost": np.full((size, 3), np.nan),
        }

    names = ("y", "mask", "anchors", "none", "count", "lost")
    reference = refer(stuck, (None, 16, 16, 8), names)

    assert reference.constant == {
        "mask": "0.0 on every vector",
        "anchors": "the same on every vector",
        "none": "empty on every vector",
        "count": "100 on every vector",
        "lost": "NaN or infinite on every vector",
    }
    assert "mask is 0.0 throughout" in str(reference.vectors[0].note)
    assert "none is empty, of shape (1, 0, 4)" in str(reference.vectors[0].note)


def test_a_score_that_varies_between_vectors_is_no_constant() -> None:
    def score(inputs: Tensors) -> Tensors:
        return {"y": inputs["x"].mean(axis=(1, 2, 3))[:, None]}

    assert refer(score, (None, 16, 16, 3)).constant == {}


def test_inputs_on_which_the_source_returns_nan_are_left_out() -> None:
    def logarithm(inputs: Tensors) -> Tensors:
        with np.errstate(invalid="ignore"):
            return {"y": np.log(inputs["x"] + 1e-3)}

    reference = refer(logarithm, (1, 16, 16, 3))

    assert len(reference.vectors) >= 2
    assert all(np.isfinite(vector.outputs["y"]).all() for vector in reference.vectors)


def test_an_input_that_no_other_can_replace_is_left_out_for_its_nan() -> None:
    seen: list[bytes] = []

    def tired(inputs: Tensors) -> Tensors:
        """Return NaN for all but the first two inputs that it meets."""
        if inputs["x"].tobytes() not in seen:
            seen.append(inputs["x"].tobytes())
        good = seen.index(inputs["x"].tobytes()) < 2
        return {"y": inputs["x"] if good else inputs["x"] * np.nan}

    reference = refer(tired, (1, 16, 16, 3))

    assert len(reference.vectors) == 2
    assert (
        reference.notes[-1]
        == "left out, because the source returns NaN or infinity: input 2, 3, 4, 5"
    )


def test_the_number_of_vectors_is_bounded_by_their_size() -> None:
    def large(inputs: Tensors) -> Tensors:
        return {"y": np.tile(inputs["x"].reshape(1, -1)[:, :1000], MAX_BYTES // 8000)}

    reference = refer(large, (1, 64, 64, 3))

    assert len(reference.vectors) == 2
    assert reference.notes[:4] == [
        f"vector {i} is left out: all are above 16,777,216 bytes" for i in (5, 4, 3, 2)
    ]


def test_inputs_of_the_manifest_are_taken_as_they_are() -> None:
    given = [{"x": np.full((1, 16, 16, 3), i, np.float32)} for i in range(2)]
    reference = refer(mean, (None, 16, 16, 3), given=given)

    assert [vector.inputs["x"].max() for vector in reference.vectors] == [0, 1]
    assert reference.constant == {}


def test_inputs_of_the_manifest_that_do_not_run_are_the_manifests_fault() -> None:
    def broken(_: Tensors) -> Tensors:
        raise ValueError("shapes differ")

    given = [{"x": np.zeros((1, 16, 16, 3), np.float32)}]
    with pytest.raises(ManifestError, match=r"test_inputs\[0\]: .* run: shapes differ"):
        refer(broken, (None, 16, 16, 3), given=given)


def test_a_reference_is_written_and_summarized(tmp_path: Any) -> None:
    reference = refer(mean, (None, 16, 16, 8))
    summary = write_reference(tmp_path, reference, seed="model", runtime="numpy 2")

    loaded = load_vectors(tmp_path)
    assert (loaded.seed, loaded.runtime, len(loaded.vectors)) == ("model", "numpy 2", 4)
    assert summary == {
        "runtime": "numpy 2",
        "vectors": 4,
        "attempts": 1,
        "random": {},
        "constant": {},
        "notes": [],
    }
