"""Running models with the loader in Node.js: inputs as pages have them, results by role."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from graph_models import node, placeholder, tensor_info, write_graph_model
from layers_models import plain_layer
from loader_zoo import LoaderError, PublishedZoo, X, check, tensor
from site_zoo import model, tensor_in
from tfjs_runtime import typed, write_model

from pipeline.site.snippets import plain_snippet

pytestmark = pytest.mark.network

ARRAYS = "const model = await zoo.load(args[0]); return await model.run(args[1], {as: 'arrays'});"


@pytest.fixture
def zoo(tmp_path: Path) -> PublishedZoo:
    """Return an empty zoo."""
    return PublishedZoo(tmp_path / "dist")


def fail(zoo: PublishedZoo, body: str, *arguments: Any) -> LoaderError:
    """Return what the loader throws."""
    with pytest.raises(LoaderError) as caught:
        zoo.write().in_node(body, *arguments)
    return caught.value


def add_passing(zoo: PublishedZoo, shape: list[int] | None, dtype: str = "float32") -> None:
    """Add a model that returns its input, and the sum of it."""
    stored = {"uint8": "int32"}.get(dtype, dtype)
    source = write_model(
        zoo.folder.parent / "sources/passing",
        [node("y", "Identity", ["x"], dtype=stored)],
        inputs={"x": (stored, shape)},
        outputs={"y": "y:0"},
    )
    inputs = [tensor(0, "x", shape, dtype=dtype)]
    zoo.add("passing", source, inputs=inputs, outputs=[tensor(0, "y", shape, dtype=stored)])


def test_results_bear_roles_and_else_their_own_names(zoo: PublishedZoo) -> None:
    zoo.add_dense()
    found = zoo.write().in_node(ARRAYS, "dense", X.tolist())
    (vector, _) = zoo.entries["dense"]["vectors"]

    assert list(found) == ["scores", "logit"]
    np.testing.assert_allclose(found["scores"], 1 / (1 + np.exp(-np.array(found["logit"]))), 1e-5)
    assert vector["path"].endswith("vectors.json")


def test_an_output_named_as_anothers_role_goes_by_its_tensor(zoo: PublishedZoo) -> None:
    entry = zoo.add_dense()
    entry["map"] = {"logit": "Identity_1:0"}

    assert list(zoo.write().in_node(ARRAYS, "dense", X.tolist())) == ["logit", "Identity:0"]


def test_an_output_of_two_roles_is_there_twice(zoo: PublishedZoo) -> None:
    entry = zoo.add_dense()
    entry["map"] = {"scores": "Identity_1:0", "age": "Identity_1:0"}
    body = """
      const model = await zoo.load('dense');
      const {scores, age, logit} = await model.run(tf.tensor(args[0]));
      scores.dispose();
      const values = await age.array();
      age.dispose();
      logit.dispose();
      return values;
    """

    assert np.shape(zoo.write().in_node(body, X.tolist())) == (2, 4)


def test_classes_that_the_catalog_says_are_the_best_scores(zoo: PublishedZoo) -> None:
    entry = zoo.add_dense()
    entry["map"] = {"scores": "Identity_1:0", "classes": None}
    found = zoo.write().in_node(ARRAYS, "dense", X.tolist())

    assert found["classes"] == np.argmax(found["scores"], axis=-1).tolist()


def test_nothing_is_left_in_memory(zoo: PublishedZoo) -> None:
    zoo.add_dense()
    body = """
      const before = tf.memory().numTensors;
      const input = tf.tensor(args[0]);
      const model = await zoo.load('dense');
      const loaded = tf.memory().numTensors;
      await model.run(input, {as: 'arrays'});
      await model.run(args[0], {as: 'arrays'});
      const arrays = tf.memory().numTensors - loaded;
      Object.values(await model.run(input)).forEach((one) => one.dispose());
      const tensors = tf.memory().numTensors - loaded;
      await model.run(input.slice([0, 0], [2, 7])).catch(() => {}); // of a shape that is wrong
      const failed = tf.memory().numTensors - loaded - 1;
      model.dispose();
      model.dispose();
      return [arrays, tensors, failed, tf.memory().numTensors - before];
    """

    assert zoo.write().in_node(body, X.tolist()) == [0, 0, 0, 2]


def test_a_model_that_was_disposed_of_says_so(zoo: PublishedZoo) -> None:
    zoo.add_dense()
    body = "const model = await zoo.load('dense'); model.dispose(); await model.run(args[0]);"
    error = fail(zoo, body, X.tolist())

    assert error.code == "run"
    assert "disposed" in error.message


@pytest.mark.parametrize(
    ("given", "shape", "dtype", "found"),
    [
        pytest.param("[[1.6, 2]]", [-1, 2], "uint8", [[1, 2]], id="int32 of floats"),
        pytest.param("new Float32Array([1, 2, 3, 4])", [-1, 2, 2], "float32", [[[1, 2], [3, 4]]],
                     id="batch of one"),
        pytest.param("new Uint8Array([1, 2, 3, 4, 5, 6])", [-1, 3], "float32",
                     [[1, 2, 3], [4, 5, 6]], id="batch of two"),
        pytest.param("new Int32Array([1, 2, 3, 4, 5, 6])", [-1, -1, 2], "int32",
                     [[[1, 2], [3, 4], [5, 6]]], id="two unknown sizes"),
        pytest.param("tf.tensor([1, 2], [2], 'int32')", [1, 2], "float32", [[1, 2]], id="no batch"),
        pytest.param("{x: [true, false]}", [2], "bool", [1, 0], id="bool"),
        pytest.param("['a', 'b']", [-1], "string", ["a", "b"], id="strings"),
        pytest.param("7", None, "float32", 7, id="any shape"),
        pytest.param("7", [], "int32", 7, id="scalar"),
    ],
)  # fmt: skip
def test_an_input_becomes_what_the_model_takes(
    zoo: PublishedZoo, given: str, shape: list[int] | None, dtype: str, found: Any
) -> None:
    add_passing(zoo, shape, dtype)
    body = f"return await (await zoo.load('passing')).run({given}, {{as: 'arrays'}});"

    assert zoo.write().in_node(body) == {"y": found}


PIXELS = """
  const width = 4, height = 2;
  const data = new Uint8ClampedArray(4 * width * height).fill(255);
  for (let i = 0; i < width * height; i++) data.set(args[1] ?? [255, 51, 0], 4 * i);
  const model = await zoo.load('passing');
  return (await model.run({data, width, height}, {as: 'arrays', range: args[0]})).y;
"""


@pytest.mark.parametrize(
    ("shape", "dtype", "between", "size", "first"),
    [
        pytest.param([1, 2, 4, 3], "uint8", None, (1, 2, 4, 3), [255, 51, 0], id="as it is"),
        pytest.param([-1, 6, 6, 3], "int32", None, (1, 6, 6, 3), [255, 51, 0], id="resized"),
        pytest.param([1, -1, -1, 3], "float32", [0, 1], (1, 2, 4, 3), [1, 0.2, 0], id="0 to 1"),
        pytest.param([2, 4, 3], "float32", [-1, 1], (2, 4, 3), [1, -0.6, -1], id="no batch"),
        pytest.param([1, 2, 4, 4], "int32", None, (1, 2, 4, 4), [255, 51, 0, 255], id="alpha"),
    ],
)
def test_an_image_becomes_what_the_model_takes(  # noqa: PLR0913, PLR0917  # in and out
    zoo: PublishedZoo,
    shape: list[int],
    dtype: str,
    between: list[float] | None,
    size: tuple[int, ...],
    first: list[float],
) -> None:
    add_passing(zoo, shape, dtype)
    found = np.array(zoo.write().in_node(PIXELS, between))

    assert found.shape == size
    np.testing.assert_allclose(found.reshape(-1, size[-1])[0], first, atol=1e-6)
    np.testing.assert_allclose(found.reshape(-1, size[-1])[-1], first, atol=1e-6)


def test_an_image_becomes_planes_and_shades_of_gray(zoo: PublishedZoo) -> None:
    add_passing(zoo, [1, 3, 2, 8])
    planes = np.array(zoo.write().in_node(PIXELS, [0, 255]))
    zoo = PublishedZoo(zoo.folder.parent / "gray/dist")
    add_passing(zoo, [1, 2, 4, 1])
    gray = np.array(zoo.write().in_node(PIXELS, [0, 255]))

    assert planes.shape == (1, 3, 2, 8)
    np.testing.assert_allclose(planes[0, :, 1, 1], [255, 51, 0], atol=1e-4)
    np.testing.assert_allclose(gray[0, 0, 0], [0.299 * 255 + 0.587 * 51], rtol=1e-5)


BOTH = """
  const width = 5, height = 4;
  const data = Uint8ClampedArray.from({length: 4 * width * height}, (_, i) => (i * 37) % 256);
  const document = {querySelector: () => ({data: new Uint8Array(data), width, height})};
  const model = await zoo.load('passing');
  const {y} = await model.run({data, width, height}, {as: 'arrays', range: args[1]});
  const run = new Function('tf', 'document', `${args[0]} return input.arraySync();`);
  return [y, run(tf, document)];
"""


@pytest.mark.parametrize(
    ("shape", "dtype", "contract"),
    [
        pytest.param([1, 7, 6, 3], "float32", {"range": [-1, 1]}, id="colours"),
        pytest.param([-1, 1, 3, 3], "float32", {"range": [0, 1]}, id="planes of grey"),
        pytest.param([1, 3, 3, 1], "uint8", {}, id="whole grey"),
        pytest.param([1, -1, -1, 4], "float32", {"range": [0, 255]}, id="alpha, of any size"),
        pytest.param(
            [1, 3, 6, 3],
            "float32",
            {"mean": [100, 110, 120], "std": [50, 60, 70], "color": "bgr", "layout": "nhwc"},
            id="mean and deviation of blue, green and red",
        ),
        pytest.param(
            [1, 3, 8, 3], "float32", {"std": [99], "mean": [9], "layout": "nchw"}, id="planes"
        ),
        pytest.param([1, 6, 6, 3], "float32", {"range": [0, 1], "resize": "crop"}, id="crop"),
        pytest.param([1, 2, 6, 3], "float32", {"range": [0, 1], "resize": "crop"}, id="crop rows"),
        pytest.param([1, 8, 7, 3], "int32", {"resize": "letterbox"}, id="letterbox"),
        pytest.param(
            [3, 2, 9], "float32", {"range": [-1, 1], "resize": "letterbox"}, id="letterbox, columns"
        ),
        pytest.param(
            [-1, -1, -1, 3], "float32", {"range": [0, 1], "sizes": [1, 4, 4, 3]}, id="open sizes"
        ),
        pytest.param(None, "float32", {"range": [0, 1], "sizes": [1, 2, 2, 3]}, id="open shape"),
    ],
)
def test_the_code_without_the_loader_makes_the_same_of_an_image(
    zoo: PublishedZoo, shape: list[int] | None, dtype: str, contract: dict[str, Any]
) -> None:
    add_passing(zoo, shape, dtype)
    zoo.entries["passing"]["inputs"][0] |= contract
    made = model(inputs=[tensor_in(0, "x", shape, dtype=dtype, **contract)])
    snippet = "".join(piece.text for piece in plain_snippet(made, made.variants[0]))
    lines = snippet[snippet.index("const pixels") : snippet.rindex("const y")]
    loader, plain = zoo.write().in_node(BOTH, lines)

    np.testing.assert_allclose(plain, loader, rtol=1e-5, atol=1e-4)


def test_code_without_a_range_throws_before_it_runs(zoo: PublishedZoo) -> None:
    add_passing(zoo, [1, 2, 4, 3])
    made = model(inputs=[tensor_in(0, "x", [1, 2, 4, 3])])
    snippet = "".join(piece.text for piece in plain_snippet(made, made.variants[0]))
    lines = snippet[snippet.index("const pixels") : snippet.rindex("const y")]

    assert "the range is not stated" in fail(zoo, BOTH, lines, [0, 1]).message


def test_whole_numbers_are_rounded_and_not_cut_off(zoo: PublishedZoo) -> None:
    add_passing(zoo, [1, 2, 4, 1], "uint8")
    gray = np.array(zoo.write().in_node(PIXELS, None, [255, 51, 5]))

    assert set(gray.reshape(-1)) == {round(0.299 * 255 + 0.587 * 51 + 0.114 * 5)} == {107}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param(PIXELS, "nobody states what pixels of 0 to 255 become", id="range"),
        pytest.param(
            "await (await zoo.load('passing')).run({z: 1})",
            "there is no input 'z'; it has 'x' float32 [?, 2, 4, 3]",
            id="name",
        ),
        pytest.param(
            "await (await zoo.load('passing')).run()", "no input was given; it takes 'x'", id="none"
        ),
        pytest.param(
            "await (await zoo.load('passing')).run(tf.zeros([1, 5]))",
            "has shape [?, 2, 4, 3]; [1, 5] was given",
            id="shape",
        ),
        pytest.param(
            "await (await zoo.load('passing')).run(new Float32Array(25))",
            "25 values do not make [?, 2, 4, 3]",
            id="values",
        ),
        pytest.param(
            "await (await zoo.load('passing')).run(['a'])", "is float32; a string was given",
            id="strings",
        ),
        pytest.param(
            "await (await zoo.load('passing')).run(0, {as: 'list'})", "expected 'tensors' or",
            id="as",
        ),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_an_error_that_says_what_does(
    zoo: PublishedZoo, body: str, message: str
) -> None:
    add_passing(zoo, [-1, 2, 4, 3])
    error = fail(zoo, body, None)

    assert (error.name, error.code) == ("ZooError", "input")
    assert message in error.message


@pytest.mark.parametrize("known", [True, False])
def test_what_needs_execute_async_gets_it(zoo: PublishedZoo, known: bool) -> None:
    source = write_model(
        zoo.folder.parent / "sources/where",
        [typed("where", "Where", ["x"], T="bool")],
        inputs={"x": ("bool", [-1])},
        outputs={"y": "where:0"},
    )
    inputs = [tensor(0, "x", [-1], dtype="bool")]
    outputs = [tensor(0, "y", [-1, 1], tensor="where:0", dtype="int32")]
    zoo.add("where", source, inputs=inputs, outputs=outputs, requiresAsync=known)
    body = """
      const model = await zoo.load('where');
      await model.run(args[0]);
      return await model.run(args[0], {as: 'arrays'});
    """

    assert zoo.write().in_node(body, [False, True, True]) == {"y": [[1], [2]]}


def test_a_layers_model_is_loaded_as_one_and_run_by_predict(zoo: PublishedZoo) -> None:
    kernel = np.arange(12, dtype=np.float32).reshape(4, 3)
    layers = [
        plain_layer("InputLayer", "image", batch_input_shape=[None, 4], dtype="float32"),
        plain_layer("Dense", "dense", units=3),
    ]
    model = {"class_name": "Sequential", "config": {"name": "sequential", "layers": layers}}
    entry = write_graph_model(
        zoo.folder.parent / "sources/layers",
        weights={"dense/kernel": kernel, "dense/bias": np.ones(3, np.float32)},
        format="layers-model",
        modelTopology={"keras_version": "2.12.0", "backend": "tensorflow", "model_config": model},
        signature={},
    )
    zoo.add(
        "layers",
        entry.parent,
        inputs=[tensor(0, "image", [-1, 4])],
        outputs=[tensor(0, "dense", [-1, 3], tensor="dense", role="scores")],
        format="layers-model",
        map={"scores": "dense"},
    )
    found = zoo.write().in_node(ARRAYS, "layers", [[1, 2, 3, 4]])

    np.testing.assert_allclose(found["scores"], [[1, 2, 3, 4] @ kernel + 1])


def test_flags_are_set_while_a_model_runs_that_needs_them(zoo: PublishedZoo) -> None:
    entry = zoo.add_dense()
    name = "KEEP_INTERMEDIATE_TENSORS"
    flags = {name: True, "UNKNOWN_FLAG": 1}
    entry["variants"][0]["checks"]["cpu"] = check(requires={"flags": flags})
    body = f"""
      const before = tf.env().get('{name}');
      const model = await zoo.load('dense');
      const seen = [];
      const execute = model.tfModel.execute.bind(model.tfModel);
      model.tfModel.execute = (...rest) => {{
        seen.push(tf.env().get('{name}'));
        return execute(...rest);
      }};
      const tensors = tf.memory().numTensors;
      const run = () => model.run(args[0], {{as: 'arrays'}});
      await Promise.all([run(), run()]);
      return [before, seen, tf.env().get('{name}'), tf.memory().numTensors - tensors];
    """

    assert zoo.write().in_node(body, X.tolist()) == [False, [True, True], False, 0]


def test_what_tensorflow_js_says_is_passed_on(zoo: PublishedZoo) -> None:
    source = write_graph_model(
        zoo.folder.parent / "sources/odd",
        nodes=[placeholder("x", (-1, 2)), node("y", "NoSuchOp", ["x"])],
        weights={},
        signature={
            "inputs": {"x": tensor_info("x:0", (-1, 2))},
            "outputs": {"y": tensor_info("y:0", (-1, 2))},
        },
    )
    zoo.add(
        "odd", source.parent, inputs=[tensor(0, "x", [-1, 2])], outputs=[tensor(0, "y", [-1, 2])]
    )
    error = fail(zoo, ARRAYS, "odd", [[1, 2]])

    assert error.code == "run"
    assert "NoSuchOp" in error.message


def test_a_model_keeps_to_the_backend_that_was_asked_for(zoo: PublishedZoo) -> None:
    zoo.add_dense()
    found = zoo.write().in_node("""
        const model = await zoo.load('dense', {backend: 'wasm'});
        await tf.setBackend('cpu');
        const {scores} = await model.run(new Float32Array(8), {as: 'arrays'});
        const unknown = await zoo.load('dense', {backend: 'webgl'}).catch(({code}) => code);
        return [model.backend, tf.getBackend(), scores.length, unknown];
    """)

    assert found == ["wasm", "wasm", 1, "backend"]


def test_the_quickest_backend_is_one_that_is_right(tmp_path: Path) -> None:
    zoo = PublishedZoo(tmp_path / "dist")
    entry = zoo.add_dense()
    entry["variants"][0]["checks"]["wasm"] |= {"status": "failed", "reason": "off"}
    found = zoo.write().in_node("""
        const model = await zoo.load('dense', {backend: 'auto', variant: 'smallest'});
        const before = tf.memory().numTensors;
        const ms = await model.warmUp();
        return [model.backend, model.variant, ms > 0, tf.memory().numTensors - before];
    """)

    assert found == ["cpu", "float32", True, 0]


def test_labels_come_with_a_model_and_name_its_classes(tmp_path: Path) -> None:
    zoo = PublishedZoo(tmp_path / "dist")
    entry = zoo.add_dense()
    content = json.dumps(["a", "b", "c", "d"]).encode()
    path = zoo.folder / "models/dense/labels-1/labels.json"
    path.parent.mkdir()
    path.write_bytes(content)
    file = {
        "path": "models/dense/labels-1/labels.json",
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    entry["labelFiles"] = [file]
    entry["outputs"][0]["labels"] = {"of": "axis", "count": 4, "path": file["path"]}
    entry["results"] = {"method": "classify", "missing": None}
    found = zoo.write().in_node(
        """
        const model = await zoo.load('dense');
        const inputs = args[0].map((row) => Float32Array.from(row));
        const streamed = [];
        for await (const [best] of model.stream(inputs)) streamed.push(best.label);
        const [best] = await model.classify(inputs[0], {top: 1});
        const {scores} = await model.run(inputs[0], {as: 'arrays'});
        return [model.labels, model.method, streamed, best, scores[0], tf.memory().numTensors];
        """,
        X.tolist(),
    )
    labels, method, streamed, best, scores, tensors = found
    winner = scores.index(max(scores))

    assert labels == {"probability": ["a", "b", "c", "d"]}
    assert method == "classify"
    assert streamed[0] == best["label"] == "abcd"[winner]
    assert best["score"] == scores[winner]
    assert len(streamed) == len(X)
    assert tensors == 2  # the weights


def test_a_model_with_a_tokenizer_takes_texts(zoo: PublishedZoo) -> None:
    add_passing(zoo, [-1, 4], dtype="int32")
    content = json.dumps(
        {
            "model": {"type": "WordLevel", "vocab": {"a": 7, "b": 8, "?": 9}, "unk_token": "?"},
            "pre_tokenizer": {"type": "Whitespace"},
            "padding": {"strategy": "BatchLongest", "direction": "Right", "pad_id": 5},
        }
    ).encode()
    (zoo.folder / "models/passing/tokenizer.json").write_bytes(content)
    zoo.entries["passing"]["tokenizer"] = {
        "path": "models/passing/tokenizer.json",
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "ids": "x",
    }
    body = """
      const model = await zoo.load('passing');
      await model.warmUp();
      const {y} = await model.run(args[0], {as: 'arrays'});
      return [y, await model.fillTokens(args[0]), await model.tokenize('b a')];
    """
    rows, filled, tokens = zoo.write().in_node(body, ["a b a b a", "c a"])

    assert rows == [[7, 8, 7, 8], [9, 7, 5, 5]]
    assert filled == {"x": rows}
    assert tokens == {"ids": [8, 7], "types": [0, 0], "mask": [1, 1], "tokens": ["b", "a"]}
