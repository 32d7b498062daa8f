"""The places of a detector that no box fills."""

import importlib

import numpy as np
import pytest
import tflite_models

pytestmark = pytest.mark.tensorflow


@pytest.mark.parametrize(
    ("name", "filled"),
    [
        pytest.param("detection.tflite", 2, id="a class for each box"),
        pytest.param("detection_of_two.tflite", 4, id="two classes for each box"),
        pytest.param("detection_by_class.tflite", 2, id="class by class"),
    ],
)
def test_what_the_memory_held_before_is_set_to_zero(name: str, filled: int) -> None:
    # TensorFlow is imported when these tests run, not when they are collected.
    parse = importlib.import_module("pipeline.tf.tflite.read_tflite").parse_tflite
    (graph, *_) = parse((tflite_models.built() / name).read_bytes(), name).subgraphs
    numbers = graph.operators[-1].outputs
    lists = [np.full((1, 8, 4), 7.0), np.full((1, 8), 7.0), np.full((1, 8), 7.0)]
    outputs = dict(zip(numbers, [*lists, np.array([2.0])], strict=True))

    importlib.import_module("pipeline.tf.tflite.detection").blank_unfilled(graph, outputs)

    for values in lists:
        assert (values[:, :filled] == 7).all()
        assert (values[:, filled:] == 0).all()
    assert outputs[numbers[3]] == [2.0]
