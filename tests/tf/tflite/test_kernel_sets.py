"""The distance between the kernels of TensorFlow Lite, told in a note."""

import numpy as np

from pipeline.tf.tflite.kernel_sets import KernelSets


def test_the_largest_distance_is_told_in_steps() -> None:
    kernels = KernelSets(steps={"scores": 0.5, "boxes": 1.0, "label": 1.0})
    made = {"scores": np.array([1.0, 2.0]), "boxes": np.array([3], np.uint8), "label": np.zeros(1)}
    others = {**made, "scores": np.array([1.0, 0.5]), "boxes": np.array([4], np.uint8)}
    run = kernels.compare(lambda _: made, lambda fed: others if fed["x"] else made)

    assert [run({"x": 1}), run({"x": 0})] == [made, made]
    (note,) = kernels.describe()
    assert note.endswith("without it differ by up to 3 steps of 'scores', 1 step of 'boxes'")


def test_kernels_that_agree_are_not_told() -> None:
    kernels = KernelSets(steps={"scores": 0.5})
    kernels.compare(lambda _: {"scores": np.ones(2)}, lambda _: {"scores": np.ones(2)})({})

    assert kernels.apart == {"scores": 0.0}
    assert kernels.describe() == []


def test_a_model_that_only_one_set_can_run_is_not_compared() -> None:
    def fail(_: object) -> dict[str, object]:
        raise RuntimeError("no kernel")

    kernels = KernelSets(steps={"scores": 0.5})
    made = {"scores": np.ones(2)}

    assert kernels.compare(lambda _: made, fail)({}) is made
    assert kernels.describe() == []
