"""Models that fetch their own data take pixels and numbers in place of it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tfjs_runtime import run

from pipeline.proof.vector_files import load_vectors
from pipeline.workers.pool import TensorFlowPool

pytestmark = pytest.mark.tensorflow

INPUTS = {
    "batch": {"image_bytes": ["uint8", [None, None, None, 3]], "key": ["int32", [None]]},
    "batch_functions": {"image_bytes": ["uint8", [None, None, None, 3]], "key": ["int32", [None]]},
    "counted": {"image_bytes": ["uint8", [None, None, None, 3]], "calls": ["float32", []]},
    "labels": {"image_bytes": ["uint8", [None, None, None, 3]]},
    "batch_v1": {"encoded": ["uint8", [None, None, None, 3]]},
    "bytes": {"image": ["uint8", [None, None, 3]]},
    "inception": {"DecodeJpeg": ["uint8", [None, None, 3]]},
    "iterator": {"scan": ["float32", [None, 3]]},
    "queue": {"batch/0": ["float32", [None, 4, 3]], "batch/1": ["int32", [None]]},
    "records": {"age": ["float32", [None, 1]], "sizes": ["int64", [None, 2]]},
}


def test_they_compute_behind_the_cut_as_in_tensorflow(pool: TensorFlowPool, tmp_path: Path) -> None:
    job = pool.submit("front_models:publish", {"folder": tmp_path}, log=tmp_path / "log.txt")
    published: dict[str, Any] = job.result().value

    assert {name: made["inputs"] for name, made in published.items()} == INPUTS
    assert "DecodeJpeg 'DecodeJpeg' is left to the page" in published["inception"]["repairs"][0]
    for name in published:
        vectors = load_vectors(tmp_path / "made" / name / "reference").vectors[:3]
        base = tmp_path / "made" / name / "base"
        runs = run(tmp_path / f"{name} runs", {"base": base}, [one.inputs for one in vectors])
        for backend, results in runs.items():
            assert results["base"].error is None, f"{name} on {backend}: {results['base'].error}"
            for i, vector in enumerate(vectors):
                for key, expected in vector.outputs.items():
                    found = results["base"].outputs[i][key]
                    if expected.dtype == object:
                        assert found.tolist() == expected.tolist()
                    else:
                        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_texts_that_are_not_only_decoded_stay(pool: TensorFlowPool, tmp_path: Path) -> None:
    job = pool.submit("front_models:refuse", {"folder": tmp_path}, log=tmp_path / "log.txt")

    assert "TensorFlow.js does not have these ops: DecodePng" in job.result().value
