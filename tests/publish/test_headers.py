"""Headers: content types by name, and what may be kept for ever."""

import pytest

from pipeline.publish.headers import find_content_type, is_content_named


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("tfjs/4.22.0/tfjs-backend-wasm.wasm", "application/wasm"),
        ("zoo.js", "text/javascript; charset=utf-8"),
        ("zoo.d.ts", "text/plain; charset=utf-8"),
        ("models.json", "application/json"),
        ("group1-shard1of1.bin", "application/octet-stream"),
        ("LICENSE", "text/plain; charset=utf-8"),
        ("INDEX.HTML", "text/html; charset=utf-8"),
    ],
)
def test_content_type(path: str, content_type: str) -> None:
    assert find_content_type(path) == content_type


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("assets/style-0a1b2c3d.css", True),
        ("assets/icons/x-0a1b2c3d4e5f.svg", True),
        ("tfjs/4.22.0/tf.min.js", True),
        ("assets/style.css", False),
        ("assets/style-0a1b.css", False),
        ("zoo.js", False),
        ("models/x/uint8-0a1b2c3d/model.json", False),
    ],
)
def test_names_that_stand_for_a_content(path: str, named: bool) -> None:
    assert is_content_named(path) is named
