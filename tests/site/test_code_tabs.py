"""Tabs of code for a page, a project, a worker and Node.js."""

from typing import Any

import pytest
from site_zoo import model, tensor_in, variant

from pipeline.site.code_tabs import describe_tabs
from pipeline.site.trial import describe_trial

IMAGE = tensor_in(0, "image", [1, 64, 64, 3], color="rgb", range=[0, 255])


def tabs(method: str | None = "detect", **others: Any) -> dict[str, str]:
    """Return the code of each tab."""
    results = {"method": method, "missing": None if method else "it has no roles"}
    made = model(**{"name": "one", "results": results, "inputs": [IMAGE], **others})
    found = describe_tabs(made, made.variants[0], describe_trial(made))
    return {tab.name: "".join(piece.text for piece in tab.snippet) for tab in found}


def test_a_page_is_whole() -> None:
    assert tabs(title="Boxes & <more>")["HTML page"] == (
        "<!doctype html>\n"
        '<meta charset="utf-8">\n'
        "<title>Boxes &amp; &lt;more></title>\n"
        '<img crossorigin src="photo.jpg">\n'
        "<canvas></canvas>\n"
        "<pre></pre>\n"
        '<script type="module">\n'
        'import {open, draw} from "https://example.org/zoo/zoo.js";\n'
        "\n"
        'const zoo = await open("https://example.org/zoo/");\n'
        'const model = await zoo.load("one", {variant: "float32", backend: "auto"});\n'
        'const image = document.querySelector("img");\n'
        "await image.decode();\n"
        "const found = await model.detect(image); "
        "// [{label, score, box: {x, y, width, height}}] in pixels of the image\n"
        'draw(document.querySelector("canvas"), found, {image});\n'
        'document.querySelector("pre").textContent = '
        "found.map(({label, score}) => `${label} ${score.toFixed(2)}`).join('\\n')"
        " || 'nothing found';\n"
        "</script>\n"
    )


@pytest.mark.parametrize("name", ["HTML page", "npm", "Worker", "Node.js"])
def test_a_range_that_nobody_states_has_to_be_set(name: str) -> None:
    code = tabs(inputs=[IMAGE | {"range": None}])[name]

    assert "let range; // = [0, 1], [-1, 1] or [0, 255]\n" in code
    assert "model.detect(image, {range})" in code


def test_sounds_and_texts_are_given_as_what_they_are() -> None:
    sound = tensor_in(0, "s", [-1, 8000], sampleRate=16000, range=[-1, 1])
    text = tensor_in(0, "t", [-1], dtype="string")

    assert "decodeAudioData" in tabs("classify", inputs=[sound])["HTML page"]
    assert "new Float32Array(8000)" in tabs("classify", inputs=[sound])["Node.js"]
    assert "model.classify(text)" in tabs("classify", inputs=[text])["npm"]


def test_a_model_without_results_is_run() -> None:
    code = tabs(None)

    assert list(code) == ["With the loader", "TensorFlow.js alone"]
    assert "await model.run(" in code["With the loader"]


def test_a_title_cannot_end_the_page_and_a_name_cannot_end_its_string() -> None:
    code = tabs(title="</title><script>", name='a");//', variants=[variant("x")])["HTML page"]

    assert "</title><script>" not in code
    assert r'zoo.load("a\");//"' in code
