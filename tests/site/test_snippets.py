"""The code that a page offers for one very model."""

from typing import Any

import pytest
from loader_zoo import check, tensor
from site_zoo import figures, model, tensor_in, variant

from pipeline.site.code_pieces import Snippet
from pipeline.site.snippets import loader_snippet, plain_snippet

IMAGE = tensor_in(0, "image", [1, 320, 240, 3])
SCORES = tensor(0, "y", [1, 4], tensor="Identity:0", role="scores")


def text(snippet: Snippet) -> str:
    """Return a snippet as it is copied."""
    return "".join(piece.text for piece in snippet)


def both(**entry: Any) -> tuple[str, str]:
    """Return the snippets of a model: with the loader, and without."""
    made = model(**entry)
    return text(loader_snippet(made, made.variants[0])), text(plain_snippet(made, made.variants[0]))


def test_the_loader_is_asked_for_this_very_model() -> None:
    loader, _ = both(name="hand.1", outputs=[SCORES], map={"scores": "Identity:0"})

    assert loader == (
        'import * as tf from "@tensorflow/tfjs";\n'
        'import {open} from "https://example.org/zoo/zoo.js";\n'
        "\n"
        'const zoo = await open("https://example.org/zoo/", {tf});\n'
        'const model = await zoo.load("hand.1", {variant: "float32"});\n'
        "// your own values: float32 [?, 8]\n"
        "const input = tf.zeros([1, 8]);\n"
        "const {scores} = await model.run(input);\n"
    )


def test_tensorflow_js_alone_takes_an_image() -> None:
    _, plain = both(inputs=[IMAGE | {"range": [0, 1]}])

    assert plain == (
        'import * as tf from "@tensorflow/tfjs";\n'
        "\n"
        "const model = await tf.loadGraphModel(\n"
        '  "https://example.org/zoo/models/one/float32-1/model.json",\n'
        ");\n"
        'const pixels = tf.browser.fromPixels(document.querySelector("img"));\n'
        "const input = tf.image.resizeBilinear(pixels, [320, 240], false, true)\n"
        "  .mul(1 / 255).toFloat().expandDims();\n"
        'const y = model.execute(input, "Identity:0");\n'
    )


@pytest.mark.parametrize(
    ("shape", "dtype", "line"),
    [
        pytest.param(
            [1, 8, 9, 3], "uint8", "true).round().toInt().expandDims()", id="whole numbers"
        ),
        pytest.param(
            [-1, 3, 8, 9], "float32", ".toFloat().transpose([2, 0, 1]).expandDims()", id="planes"
        ),
        pytest.param(
            [1, 8, 9, 1], "float32", '("img")).mul([0.299, 0.587, 0.114]).sum(-1, true);', id="grey"
        ),
        pytest.param(
            [1, -1, -1, 3], "int8", "input = pixels.mul((range[1] - range[0]) / 255)", id="any size"
        ),
    ],
)
def test_an_image_becomes_what_the_model_takes(shape: list[int], dtype: str, line: str) -> None:
    _, plain = both(inputs=[tensor_in(0, "image", shape, dtype=dtype)])

    assert line in plain


def test_pixels_are_scaled_where_the_catalog_says_how() -> None:
    loader, plain = both(inputs=[IMAGE | {"range": [-1, 1]}])

    assert "[320, 240], false, true)\n  .mul(2 / 255).add(-1).toFloat()" in plain
    assert '.run(document.querySelector("img"));' in loader
    assert "range" not in loader + plain


def test_a_range_that_nobody_states_has_to_be_set() -> None:
    loader, plain = both(inputs=[IMAGE])
    run = 'const {y} = await model.run(document.querySelector("img"), {range});'
    asks = (
        "// nobody states what pixels become; set it as the model was trained\n"
        "let range; // = [0, 1], [-1, 1] or [0, 255]\n"
    )

    assert asks + run in loader
    assert f'{asks}if (!range) throw new Error("the range is not stated");\n' in plain
    assert ".mul((range[1] - range[0]) / 255).add(range[0]).toFloat()" in plain


def test_what_has_colours_and_no_axes_for_them_is_no_image() -> None:
    loader, plain = both(inputs=[tensor_in(0, "x", [1, 8], color="rgb")])

    assert "// your own values: float32 [1, 8]" in loader
    assert "fromPixels" not in plain


def test_an_image_among_others_is_one() -> None:
    inputs = [IMAGE | {"range": [0, 255]}, tensor_in(1, "ratio", [1])]
    loader, plain = both(inputs=inputs)

    assert '  "image": document.querySelector("img"), // float32 [1, 320, 240, 3]\n' in loader
    assert "const image = tf.image.resizeBilinear(" in plain
    assert '  "image": image, // float32 [1, 320, 240, 3]\n' in plain


def test_what_the_loader_fills_in_is_not_given_to_it() -> None:
    inputs = [
        IMAGE | {"range": [0, 255]},
        tensor_in(1, "h", [1, -1], state="h_out", sizes=[1, 2]),
        tensor_in(2, "ratio", [], constant=0.25),
    ]
    outputs = [SCORES, tensor(1, "h_out", [1, 2])]
    loader, plain = both(inputs=inputs, outputs=outputs)

    assert 'const {y} = await model.run(document.querySelector("img"));' in loader
    assert '"h": tf.zeros([1, 2]), // float32 [1, ?]; then the output h_out of the run' in plain
    assert '"ratio": tf.scalar(0.25), // float32 []' in plain


def test_a_sound_is_decoded() -> None:
    sound = tensor_in(0, "wave", [-1, 8000], sampleRate=16000, range=[-1, 1])
    loader, plain = both(inputs=[sound])

    assert loader.endswith(
        "// a sound of at most 0.5 s\n"
        'const bytes = await (await fetch("sound.wav")).arrayBuffer();\n'
        "const input = await new AudioContext().decodeAudioData(bytes);\n"
        "const {y} = await model.run(input);\n"
    )
    assert "// your own values: float32 [?, 8000], 16000 samples in a second, -1 to 1\n" in plain
    assert "let range; // = [-1, 1]\n" in both(inputs=[sound | {"range": None}])[0]


def test_several_inputs_are_given_by_name() -> None:
    inputs = [tensor_in(0, "a/b", [-1, 2]), tensor_in(1, "n", None, dtype="int32")]
    loader, plain = both(inputs=inputs)

    for snippet in (loader, plain):
        assert (
            "const inputs = {\n"
            '  "a/b": tf.zeros([1, 2]), // float32 [?, 2]\n'
            '  "n": tf.scalar(1, "int32"), // int32 […]\n'
            "};\n"
        ) in snippet
    assert "model.run(inputs);" in loader
    assert 'model.execute(inputs, "Identity:0");' in plain


def test_a_text_is_text() -> None:
    loader, _ = both(inputs=[tensor_in(0, "t", [-1], dtype="string")])

    assert 'const input = tf.tensor(["text"], [1]);' in loader


def test_control_flow_is_awaited() -> None:
    _, plain = both(requiresAsync=True)

    assert "= await model.executeAsync(input, " in plain


def test_classes_that_follow_are_computed() -> None:
    loader, plain = both(
        task="object-detection", outputs=[SCORES], map={"scores": "Identity:0", "classes": None}
    )

    assert "const {scores, classes} = await" in loader
    assert plain.endswith("const classes = scores.argMax(-1);\n")


def test_what_javascript_calls_otherwise_gets_a_name() -> None:
    names = ["tower_0/wh", "class", "0", "tower_0 wh", 'a"b']
    outputs = [tensor(i, name, [1]) for i, name in enumerate(names)]
    loader, plain = both(outputs=outputs[:4])

    assert (
        'const {"tower_0/wh": tower0Wh, "class": outputClass, "0": output0, '
        '"tower_0 wh": tower0Wh2} = await'
    ) in loader
    assert '["tower_0/wh:0", "class:0", "0:0", "tower_0 wh:0"]' in plain
    assert r'{"a\"b": aB}' in both(outputs=outputs[4:])[0]


@pytest.mark.parametrize("name", ["model", "inputs", "await", "tf"])
def test_a_variable_hides_no_other(name: str) -> None:
    loader, _ = both(outputs=[tensor(0, name, [1]), tensor(1, "p", [1])])

    assert f'const {{"{name}": output{name[0].upper()}{name[1:]}, p}} = await' in loader


def test_a_name_cannot_end_its_string() -> None:
    evil = '"); alert(1); ("'
    _, plain = both(inputs=[tensor_in(0, evil, [1]), tensor_in(1, "x", [1])])

    assert r'  "\"); alert(1); (\"": tf.zeros([1]),' in plain


def test_flags_that_a_variant_needs_are_set_before() -> None:
    needs = check(outputs={"y": figures(0.0)}, requires={"flags": {"KEEP": True}})
    _, plain = both(variants=[variant(checks={"wasm": needs})])

    assert plain.index('tf.env().set("KEEP", true);') < plain.index("loadGraphModel")


def test_a_layers_model_predicts() -> None:
    _, plain = both(format="layers-model")

    assert "tf.loadLayersModel(" in plain
    assert plain.endswith("const y = model.predict(input);\n")


def test_an_older_release_is_named_where_the_newest_fails() -> None:
    needs = check(outputs={"y": figures(0.0)}, requires={"tfjs": "3.21.0"})
    for snippet in both(variants=[variant(checks={"cpu": needs})]):
        assert "// runs in TensorFlow.js 3.21.0; the newest fails\nconst model =" in snippet


def test_the_page_is_told_what_to_fill_in() -> None:
    made = model()
    pieces = [*loader_snippet(made, made.variants[0]), *plain_snippet(made, made.variants[0])]

    assert {piece.fill for piece in pieces} == {None, "url", "loader", "path", "variant"}
