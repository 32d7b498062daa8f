"""Match: names of outputs proved by values."""

from typing import Any

import numpy as np
import pytest

from pipeline.errors import MappingError
from pipeline.proof.output_matching import prove_map
from pipeline.proof.vector_files import Tensors

TENSORS = {"contour": "Identity:0", "note": "Identity_1:0", "onset": "Identity_2:0"}
RNG = np.random.default_rng(7)
CONTOUR = [RNG.random((1, 9, 6)).astype(np.float32) for _ in range(2)]
NOTE = [np.linspace(0, 1, 20, dtype=np.float32).reshape(1, 20) for _ in range(2)]
ONSET = [NOTE[0], np.float32(1) - NOTE[1]]


def runs(**outputs: Any) -> list[Tensors]:
    return [{name: values[i] for name, values in outputs.items()} for i in range(2)]


SOURCE = runs(contour=CONTOUR, note=NOTE, onset=ONSET)


def test_equal_values_prove_names() -> None:
    proof = prove_map(TENSORS, SOURCE, SOURCE, unprovable={})

    assert proof.proofs == dict.fromkeys(TENSORS, "value")
    assert proof.reasons == {}
    assert proof.differences["note"] == {"contour": None, "note": 0.0, "onset": 1.0}


def test_rounding_does_not_hinder_the_proof() -> None:
    found = runs(contour=[v + np.float32(1e-4) for v in CONTOUR], note=NOTE, onset=ONSET)
    assert prove_map(TENSORS, SOURCE, found, unprovable={}).proofs["contour"] == "value"


def test_swapped_outputs_contradict_and_the_matrix_is_printed() -> None:
    near = [v + np.float32(0.0005) for v in ONSET]
    with pytest.raises(MappingError) as error:
        prove_map(TENSORS, SOURCE, runs(contour=CONTOUR, note=near, onset=NOTE), unprovable={})

    assert (
        error.value.message
        == """\
outputs: values contradict the names that structure gives
  Identity_1:0 is called 'note' and has the values of 'onset'
  Identity_2:0 is called 'onset' and has the values of 'note'
largest difference to each output of the source, in ranges of it (-: other shape or kind):
                        contour     note    onset
  contour (Identity:0)        0        -        -
  note (Identity_1:0)         -  1.0e+00  5.0e-04
  onset (Identity_2:0)        -        0  1.0e+00"""
    )


def test_one_vector_that_differs_is_enough() -> None:
    # note and onset are the same on vector 0.
    assert prove_map(TENSORS, SOURCE, SOURCE, unprovable={}).proofs["onset"] == "value"
    first = prove_map(TENSORS, SOURCE[:1], SOURCE[:1], unprovable={})
    assert first.proofs == {"contour": "value", "note": "structure", "onset": "structure"}
    assert first.reasons == {
        "note": "onset has the same values",
        "onset": "note has the same values",
    }


def test_random_and_constant_outputs_are_not_proved_and_contradict_nothing() -> None:
    unprovable = {"note": "differs between two runs", "onset": "0.0 on every vector"}
    found = runs(contour=CONTOUR, note=ONSET, onset=NOTE)
    proof = prove_map(TENSORS, SOURCE, found, unprovable=unprovable)

    assert proof.proofs == {"contour": "value", "note": "structure", "onset": "structure"}
    assert proof.reasons == unprovable


def test_a_random_output_need_not_be_in_the_reference() -> None:
    source = runs(contour=CONTOUR, note=NOTE)
    proof = prove_map(TENSORS, source, SOURCE, unprovable={"onset": "sampling"})
    assert proof.proofs == {"contour": "value", "note": "value", "onset": "structure"}


def test_wrong_values_are_not_a_wrong_name() -> None:
    found = runs(contour=CONTOUR, note=[v * np.float32(0.9) for v in NOTE], onset=ONSET)
    proof = prove_map(TENSORS, SOURCE, found, unprovable={})

    assert proof.proofs["note"] == "structure"
    assert proof.reasons["note"] == "no output of the source has its values"


def test_an_output_that_misses_its_own_by_little_contradicts_nothing() -> None:
    # Beyond the limit of its own (0.25 %), within that of the other (0.1 %): no swap looks so.
    own = [v + np.float32(0.0025) for v in NOTE]
    other = [v + np.float32(0.0015) for v in NOTE]
    proof = prove_map(
        {"note": "a:0", "onset": "b:0"},
        runs(note=NOTE, onset=other),
        runs(note=own, onset=other),
        unprovable={},
    )
    assert proof.proofs["note"] == "structure"


def test_the_values_of_an_output_that_is_no_proof_contradict_nothing() -> None:
    found = runs(contour=CONTOUR, note=ONSET, onset=ONSET)
    proof = prove_map(TENSORS, SOURCE, found, unprovable={"onset": "differs"})
    assert proof.proofs["note"] == "structure"


def test_a_tie_is_one_from_either_side() -> None:
    # Of the source both are apart; what TensorFlow.js has of the second is near to both.
    tensors = {"note": "a:0", "onset": "b:0"}
    source = runs(note=NOTE, onset=[v + np.float32(0.003) for v in NOTE])
    found = runs(note=NOTE, onset=[v + np.float32(0.0015) for v in NOTE])
    proof = prove_map(tensors, source, found, unprovable={})

    assert proof.reasons == {
        "note": "onset has the same values",
        "onset": "note has the same values",
    }


def test_nan_equals_nothing() -> None:
    broken = [np.full_like(v, np.nan) for v in NOTE]
    proof = prove_map(
        TENSORS, SOURCE, runs(contour=CONTOUR, note=broken, onset=ONSET), unprovable={}
    )
    assert proof.proofs["note"] == "structure"


def test_strings_are_matched_by_equality() -> None:
    names = [np.array([b"C", b"Go"], object), np.array([b"R", b"D"], object)]
    other = [np.array([b"R", b"Go"], object), np.array([b"C", b"D"], object)]
    tensors = {"classes": "a:0", "labels": "b:0"}
    source = runs(classes=names, labels=other)

    assert set(prove_map(tensors, source, source, unprovable={}).proofs.values()) == {"value"}
    with pytest.raises(
        MappingError, match="a:0 is called 'classes' and has the values of 'labels'"
    ):
        prove_map(tensors, source, runs(classes=other, labels=names), unprovable={})
