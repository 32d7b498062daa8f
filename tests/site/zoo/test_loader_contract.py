"""The loader obeys the contract of an input: pixels, sounds, constants and state."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from graph_models import node
from loader_zoo import LoaderError, PublishedZoo, tensor
from tfjs_runtime import write_model

pytestmark = pytest.mark.network

# Red, green and blue of each pixel: 10 times the row, 10 times the column, and 255.
IMAGE = """
  const [height, width] = args[0];
  const data = Uint8ClampedArray.from({length: 4 * width * height}, (_, i) => {
    const [row, column] = [Math.floor(i / 4 / width), Math.floor(i / 4) % width];
    return [10 * row, 10 * column, 255, 255][i % 4];
  });
  const image = {data, width, height};
  const model = await zoo.load('passing');
"""
RUN = f"{IMAGE} return (await model.run(image, {{as: 'arrays', ...args[1]}})).y;"
# As a browser has it; each sample is greater than the one before.
SOUND = """
  const {length, sampleRate, channels = 1} = args[0];
  const samples = Float32Array.from({length}, (_, i) => i / length);
  const sound = {length, sampleRate, duration: length / sampleRate, numberOfChannels: channels,
    getChannelData: () => samples};
  const model = await zoo.load('passing');
  return (await model.run(sound, {as: 'arrays', ...args[1]})).y;
"""


@pytest.fixture
def zoo(tmp_path: Path) -> PublishedZoo:
    """Return an empty zoo."""
    return PublishedZoo(tmp_path / "dist")


def passing(
    zoo: PublishedZoo, shape: list[int] | None, *, dtype: str = "float32", **contract: Any
) -> PublishedZoo:
    """Add a model that returns its input, and write the zoo."""
    stored = {"uint8": "int32", "int8": "int32"}.get(dtype, dtype)
    source = write_model(
        zoo.folder.parent / "sources/passing",
        [node("y", "Identity", ["x"], dtype=stored)],
        inputs={"x": (stored, shape)},
        outputs={"y": "y:0"},
    )
    inputs = [tensor(0, "x", shape, dtype=dtype, **contract)]
    zoo.add("passing", source, inputs=inputs, outputs=[tensor(0, "y", shape, dtype=stored)])
    return zoo.write()


def error_of(zoo: PublishedZoo, body: str, *arguments: Any) -> str:
    """Return the message of the ZooError that the loader throws."""
    with pytest.raises(LoaderError) as caught:
        zoo.in_node(body, *arguments)
    assert caught.value.code == "input"
    return caught.value.message


@pytest.mark.parametrize(
    ("contract", "pixel"),
    [
        pytest.param({"range": [0, 1]}, [20 / 255, 30 / 255, 1], id="range"),
        pytest.param({"range": [-1, 1]}, [20 / 127.5 - 1, 30 / 127.5 - 1, 1], id="signed"),
        pytest.param({"range": [0, 255]}, [20, 30, 255], id="bytes"),
        pytest.param({"range": [0, 255], "color": "bgr"}, [255, 30, 20], id="bgr"),
        pytest.param(
            {"mean": [100, 10, 55], "std": [2, 4, 5], "range": [-50, 62]},
            [-40, 5, 40],
            id="mean and deviation",
        ),
        pytest.param(
            {"mean": [5, 10, 15], "color": "bgr"}, [250, 20, 5], id="mean in the order of bgr"
        ),
        pytest.param({"std": [5]}, [4, 6, 51], id="one deviation for all"),
    ],
)
def test_a_pixel_becomes_what_the_contract_says(
    zoo: PublishedZoo, contract: dict[str, Any], pixel: list[float]
) -> None:
    found = np.array(passing(zoo, [1, 4, 5, 3], **contract).in_node(RUN, [4, 5]))

    np.testing.assert_allclose(found[0, 2, 3], pixel, atol=1e-4)


def test_planes_that_the_shape_does_not_show(zoo: PublishedZoo) -> None:
    passing(zoo, [1, 3, 5, 3], range=[0, 255], layout="nchw")
    found = np.array(zoo.in_node(RUN, [5, 3]))

    np.testing.assert_allclose(found[0, :, 4, 1], [40, 10, 255], atol=1e-4)


def test_a_range_that_is_given_comes_before_the_contract(zoo: PublishedZoo) -> None:
    passing(zoo, [1, 4, 5, 3], mean=[100, 10, 55])
    found = np.array(zoo.in_node(RUN, [4, 5], {"range": [0, 255]}))

    np.testing.assert_allclose(found[0, 2, 3], [20, 30, 255], atol=1e-4)


@pytest.mark.parametrize(
    ("dtype", "contract", "thrown"),
    [
        pytest.param("float32", {}, True, id="float32"),
        pytest.param("float32", {"range": None}, True, id="null"),
        pytest.param("int8", {}, True, id="signed bytes"),
        pytest.param("uint8", {}, False, id="bytes"),
    ],
)
def test_nobody_guesses_a_range(
    zoo: PublishedZoo, dtype: str, contract: dict[str, Any], thrown: bool
) -> None:
    passing(zoo, [1, 4, 5, 3], dtype=dtype, **contract)
    if thrown:
        message = error_of(zoo, RUN, [4, 5])
        assert message == (
            f"input 'x' is {dtype}, and nobody states what pixels of 0 to 255 become; pass "
            "{range: [0, 1]}, or another range, as the model was trained"
        )
        assert error_of(zoo, RUN, [4, 5], {"range": None}) == message
    assert zoo.in_node(RUN, [4, 5], {"range": [0, 255]})[0][2][3] == [20, 30, 255]


def test_the_middle_of_an_image_is_cut_out(zoo: PublishedZoo) -> None:
    passing(zoo, [1, 4, 4, 3], range=[0, 255], resize="crop")
    found = np.array(zoo.in_node(RUN, [4, 10]))
    frame = zoo.in_node(f"{IMAGE} return model.frame(image);", [4, 10])

    assert found[0, 0, :, 1].tolist() == [30, 40, 50, 60]
    assert found[0, :, 0, 0].tolist() == [0, 10, 20, 30]
    assert frame == {"left": 3, "top": 0, "width": 4, "height": 4}


def test_an_image_is_letterboxed_in_black(zoo: PublishedZoo) -> None:
    passing(zoo, [1, 8, 5, 3], range=[0, 255], resize="letterbox")
    found = np.array(zoo.in_node(RUN, [4, 5]))
    frame = zoo.in_node(f"{IMAGE} return model.frame(image, 'x');", [8, 10])

    assert found[0, :, 0, 2].tolist() == [0, 0, 255, 255, 255, 255, 0, 0]
    assert found[0, 2:6, 4, 0].tolist() == [0, 10, 20, 30]
    # Twice the size: 5 columns show 10, and 8 rows 16, of which 4 lie above the image.
    assert frame == {"left": 0, "top": -4, "width": 10, "height": 16}


@pytest.mark.parametrize("resize", [None, "stretch"])
def test_the_whole_image_is_shown_else(zoo: PublishedZoo, resize: str | None) -> None:
    passing(zoo, [1, 8, 5, 3], range=[0, 255], resize=resize)
    frame = zoo.in_node(f"{IMAGE} return model.frame(image);", [6, 9])

    assert frame == {"left": 0, "top": 0, "width": 9, "height": 6}


def test_a_box_of_the_input_is_found_in_the_image(zoo: PublishedZoo) -> None:
    passing(zoo, [1, 6, 6, 3], range=[0, 255], resize="letterbox")
    body = f"""{IMAGE}
      const {{y}} = await model.run(image, {{as: 'arrays'}});
      const {{left, top, ...size}} = model.frame(image);
      const [row, column] = [3, 5]; // of the input: the middle of a pixel is at half of it
      return [y[0][row][column], left + (column + 0.5) / 6 * size.width,
        top + (row + 0.5) / 6 * size.height];
    """
    (red, green, _), x, y = zoo.in_node(body, [8, 12])

    assert (red, green) == (pytest.approx(10 * (y - 0.5)), pytest.approx(10 * (x - 0.5)))


def test_open_sizes_are_those_of_the_contract(zoo: PublishedZoo) -> None:
    passing(zoo, [-1, -1, -1, 3], range=[0, 1], sizes=[1, 6, 8, 3])

    assert np.shape(zoo.in_node(RUN, [4, 5])) == (1, 6, 8, 3)
    flat = "return (await (await zoo.load('passing')).run(new Float32Array(144))).y.shape;"
    assert zoo.in_node(flat) == [1, 6, 8, 3]


def test_a_sound_becomes_samples_with_silence_behind_them(zoo: PublishedZoo) -> None:
    passing(zoo, [-1, 6, 1], sampleRate=16000, range=[0, 2])
    found = np.array(zoo.in_node(SOUND, {"length": 4, "sampleRate": 16000}))

    np.testing.assert_allclose(found[0, :, 0], [1, 1.25, 1.5, 1.75, 1, 1])


@pytest.mark.parametrize(
    ("shape", "contract", "given", "message"),
    [
        pytest.param(
            [-1, 4],
            {"sampleRate": 8000},
            {"length": 4, "sampleRate": 8000},
            "nobody states what samples of -1 to 1 become; pass {range: [-1, 1]}",
            id="range",
        ),
        pytest.param(
            [-1, 4],
            {"range": [-1, 1]},
            {"length": 4, "sampleRate": 8000},
            "nobody states the sample rate of input 'x'; pass {sampleRate: 16000}",
            id="rate",
        ),
        pytest.param(
            [-1, 4],
            {"sampleRate": 8000, "range": [-1, 1]},
            {"length": 5, "sampleRate": 8000},
            "takes 4 samples, 0.0005 s; 5 were given: pass a part of them",
            id="too long",
        ),
        pytest.param(
            [-1, 4],
            {"sampleRate": 8000, "range": [-1, 1]},
            {"length": 4, "sampleRate": 44100, "channels": 2},
            "here is no OfflineAudioContext to make it from 2 at 44100 Hz",
            id="Node.js cannot resample",
        ),
        pytest.param(
            [-1, 68, 21],
            {"sampleRate": 8000, "range": [-1, 1]},
            {"length": 4, "sampleRate": 8000},
            "has shape [?, 68, 21], which is no sound",
            id="spectrogram",
        ),
    ],
)
def test_a_sound_that_does_not_fit_says_what_does(
    zoo: PublishedZoo,
    shape: list[int],
    contract: dict[str, Any],
    given: dict[str, Any],
    message: str,
) -> None:
    passing(zoo, shape, **contract)

    assert message in error_of(zoo, SOUND, given)


@pytest.fixture
def counter(zoo: PublishedZoo) -> PublishedZoo:
    """Return a zoo with a model that adds `x` times `factor` to its state."""
    source = write_model(
        zoo.folder.parent / "sources/counter",
        [
            node("step", "Mul", ["x", "factor"]),
            node("next", "AddV2", ["total", "step"]),
            node("y", "AddV2", ["next", "total"]),
        ],
        inputs={name: ("float32", [-1, 2]) for name in ("total", "x", "factor")},
        outputs={"y": "y:0", "next": "next:0"},
    )
    inputs = [
        tensor(0, "total", [-1, 2], state="next"),
        tensor(1, "x", [-1, 2]),
        tensor(2, "factor", [-1, 2], constant=10),
    ]
    outputs = [tensor(0, "y", [-1, 2]), tensor(1, "next", [-1, 2])]
    zoo.add("counter", source, inputs=inputs, outputs=outputs)
    return zoo


def test_state_goes_on_from_run_to_run_and_is_no_result(counter: PublishedZoo) -> None:
    body = """
      const model = await zoo.load('counter');
      const run = (input) => model.run(input, {as: 'arrays'});
      const found = await Promise.all([run([[1, 2]]), run([[1, 2]])]);
      model.reset();
      return [...found, await run([[1, 2]]), await run({x: [[1, 1]], total: [[100, 200]]})];
    """

    assert counter.write().in_node(body) == [
        {"y": [[10, 20]]},
        {"y": [[30, 60]]},
        {"y": [[10, 20]]},
        {"y": [[210, 410]]},
    ]


def test_state_starts_with_its_first_values(counter: PublishedZoo) -> None:
    total, _, factor = counter.entries["counter"]["inputs"]
    total["initial"] = [5, 6]
    factor["constant"] = [1, 2]
    body = "return (await zoo.load('counter')).run([[1, 1]], {as: 'arrays'});"

    assert counter.write().in_node(body) == {"y": [[11, 14]]}


def test_state_leaves_nothing_in_memory(counter: PublishedZoo) -> None:
    body = """
      const before = tf.memory().numTensors;
      const model = await zoo.load('counter');
      const loaded = tf.memory().numTensors;
      const used = [];
      for (let i = 0; i < 3; i++) {
        await model.run([[1, 2]], {as: 'arrays'});
        (await model.run([[1, 2]])).y.dispose();
        used.push(tf.memory().numTensors - loaded);
      }
      model.dispose();
      return [...used, tf.memory().numTensors - before];
    """

    assert counter.write().in_node(body) == [1, 1, 1, 0]


def test_state_of_no_known_shape_is_asked_for_once(zoo: PublishedZoo) -> None:
    passing(zoo, None, state="y")
    body = "return (await zoo.load('passing')).run(args[0], {as: 'arrays'});"

    assert "is state; pass it for the first run" in error_of(zoo, body, {})
    assert zoo.in_node(body, {"x": [1, 2]}) == {}


def test_texts_beyond_ascii_are_refused_where_tensorflow_js_reads_them_wrongly(
    zoo: PublishedZoo,
) -> None:
    passing(zoo, [-1], dtype="string", characters="ascii")
    run = "return (await (await zoo.load('passing')).run(args[0], {as: 'arrays'})).y;"

    assert zoo.in_node(run, ["a b", "c"]) == ["a b", "c"]
    assert error_of(zoo, run, ["a", "caf\u00e9"]).startswith("input 'x' takes texts in ASCII only")
