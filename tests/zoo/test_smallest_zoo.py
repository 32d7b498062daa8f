"""The variant `smallest`, by the real doit: searched, proved, published, and pasted."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from graph_models import dense_nodes, dense_signature, dense_weights, write_graph_model
from layers_models import dense, functional, image, write_layers_model
from zoos import Zoo

pytestmark = [pytest.mark.network, pytest.mark.tensorflow]  # TensorFlow.js, once

# Large enough for each form to be smaller than the next.
INPUTS, OUTPUTS = 64, 512


def add(zoo: Zoo, name: str, **fields: Any) -> None:
    """Add a model of one dense layer."""
    zoo.add(name, **fields)
    write_graph_model(
        zoo.folder / "sources" / name,
        # Small, so that the sigmoid of the second output is not steep.
        weights={key: 0.05 * one for key, one in dense_weights(INPUTS, OUTPUTS).items()},
        nodes=dense_nodes(INPUTS),
        signature=dense_signature(INPUTS, OUTPUTS),
    )


def add_layers(zoo: Zoo, name: str, **fields: Any) -> None:
    """Add a layers model, which TensorFlow does not run."""
    rng = np.random.default_rng(0)
    zoo.add(name, **fields)
    shutil.rmtree(zoo.folder / "sources" / name)
    write_layers_model(
        zoo.folder / "sources" / name,
        functional([image(), dense("hidden", units=512), dense(taken="hidden")], outputs=["score"]),
        weights={
            "hidden/kernel": rng.uniform(-0.3, 0.3, (8, 512)).astype(np.float32),
            "hidden/bias": rng.uniform(-0.1, 0.1, 512).astype(np.float32),
            "score/kernel": rng.uniform(-0.1, 0.1, (512, 4)).astype(np.float32),
            "score/bias": rng.uniform(-1, 1, 4).astype(np.float32),
        },
    )


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Zoo:
    """Return a built zoo of a model with the variant, and of one that nothing can shrink."""
    zoo = Zoo(tmp_path_factory.mktemp("smallest") / "zoo")
    add(zoo, "one", variants=["float16", "uint8", "smallest"])
    add_layers(zoo, "layers", variants=["float16", "smallest"])
    add(zoo, "strict", variants=["smallest"], tolerance={"max_relative_error": 1e-8})
    built = zoo.build()
    assert built.code == 0, built.stdout + built.stderr
    return zoo


def variants(zoo: Zoo, name: str = "one") -> dict[str, Any]:
    return {variant["name"]: variant for variant in zoo.entry(name)["variants"]}


def test_it_is_smaller_than_what_passes_besides_and_is_proved(zoo: Zoo) -> None:
    found = variants(zoo)

    assert found["smallest"]["status"] == "ok"
    assert found["smallest"]["agreement"] == "close"
    assert found["smallest"]["checks"]["wasm"]["status"] == "ok"
    assert found["smallest"]["bytes"] < 0.6 * found["float16"]["bytes"]
    assert found["smallest"]["brotliBytes"] < found["smallest"]["gzipBytes"]
    assert "recipe" not in found["float16"]


def test_a_second_build_searches_nothing(zoo: Zoo) -> None:
    assert zoo.build().ran == []


def test_its_recipe_can_be_pasted_and_makes_the_same_files(zoo: Zoo, tmp_path: Path) -> None:
    recipe = variants(zoo)["smallest"]["recipe"]
    other = Zoo(tmp_path / "zoo")
    add(other, "one", variants=[{"name": "smallest", **recipe}])
    built = other.build()

    assert built.code == 0, built.stdout + built.stderr
    assert "search:one:smallest" not in built.ran
    files = [variants(each)["smallest"]["files"] for each in (zoo, other)]
    assert files[0] == files[1]


def test_another_limit_of_time_searches_again_to_the_same_bytes(zoo: Zoo) -> None:
    before = variants(zoo)["smallest"]["files"]
    zoo.manifest["models"][0]["variants"][2] = {"name": "smallest", "seconds": 200}
    built = zoo.build()

    assert built.ran == ["search:one:smallest"]
    assert variants(zoo)["smallest"]["files"] == before


def test_a_model_that_tensorflow_does_not_run_is_searched_in_tensorflow_js(zoo: Zoo) -> None:
    found = variants(zoo, "layers")

    assert zoo.entry("layers")["format"] == "layers-model"
    assert found["smallest"]["status"] == "ok"
    assert found["smallest"]["bytes"] < 0.7 * found["float16"]["bytes"]


def test_where_nothing_passes_it_is_absent_and_says_why(zoo: Zoo) -> None:
    found = variants(zoo, "strict")["smallest"]

    assert found["status"] == "skipped"
    assert found["reason"].startswith("no mix passes; the nearest, of ")
    assert zoo.entry("strict")["status"] == "ok"


def test_tune_prints_the_same_mix_and_draws_it(zoo: Zoo) -> None:
    done = zoo.doit("tune", "one", "layers", "strict", "--seconds", "100")

    assert done.code == 1, done.stdout + done.stderr
    one, others = done.stdout.split("\nlayers ")
    layers, strict = others.split("\nstrict ")
    assert "smallest that passes" in one
    assert "name: smallest, quantize_uint8: true" in one
    assert "smallest that passes" in layers
    assert "no mix passes" in strict
    page = (zoo.folder / ".zoo/tune/one.html").read_text()
    assert 'class="best"' in page
    assert "quantize_uint8" in page


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param((), "expected a model", id="no model"),
        pytest.param(("tow",), "'tow' is not a model of models.yaml", id="no such model"),
        pytest.param(("one", "--seconds", "0"), "--seconds: found 0", id="no time"),
    ],
)
def test_tune_refuses_a_wrong_command_line(
    zoo: Zoo, arguments: tuple[str, ...], message: str
) -> None:
    done = zoo.doit("tune", *arguments)

    assert done.code == 3
    assert message in done.stderr + done.stdout
