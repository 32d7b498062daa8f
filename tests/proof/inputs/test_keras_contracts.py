"""What real Keras files say of their images, in both formats of TensorFlow.js."""

from typing import Any

import pytest

from pipeline.workers.pool import TensorFlowPool

pytestmark = pytest.mark.tensorflow

KINDS = [f"{k} {kind}" for k in ("keras", "tf_keras") for kind in ("graph", "layers")]


@pytest.fixture(scope="module")
def found(
    pool: TensorFlowPool, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("keras inputs")
    job = pool.submit("keras_inputs:find", {"folder": folder}, log=folder / "log.txt")
    made: dict[str, dict[str, Any]] = job.result().value
    return made


@pytest.mark.parametrize("kind", KINDS)
def test_a_network_of_keras_takes_what_its_preprocess_input_makes(
    found: dict[str, dict[str, Any]], kind: str
) -> None:
    contract = found[f"mobilenet {kind}"]

    assert contract["range"] == [-1.0, 1.0]
    assert (contract["mean"], contract["std"]) == ([127.5] * 3, [127.5] * 3)
    assert contract["color"] == "rgb"
    assert (
        "mobilenetv2_0.35_32 of tf.keras.applications.mobilenet_v2"
        in (contract["evidence"]["mean"])
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_rescaling_layer_says_the_range(found: dict[str, dict[str, Any]], kind: str) -> None:
    contract = found[f"rescaled {kind}"]

    assert contract["range"] == [0.0, 255.0]
    assert contract["evidence"]["range"].endswith("make -1..1 of 0..255")
    assert "color" not in contract


@pytest.mark.parametrize("kind", KINDS)
def test_a_normalization_layer_says_range_and_colors(
    found: dict[str, dict[str, Any]], kind: str
) -> None:
    contract = found[f"normalized {kind}"]

    assert (contract["range"], contract["color"]) == ([0.0, 255.0], "rgb")
    assert "means of red, green and blue" in contract["evidence"]["color"]


@pytest.mark.parametrize("kind", KINDS)
def test_what_no_layer_says_is_not_guessed(found: dict[str, dict[str, Any]], kind: str) -> None:
    assert found[f"silent {kind}"] == {"evidence": {}}
