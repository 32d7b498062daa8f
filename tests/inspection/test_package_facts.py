"""What packages and repositories say of the models in them."""

from pathlib import Path

import pytest

from pipeline.fetch.address.source import parse_source
from pipeline.inspection.package_facts import (
    PackageFacts,
    _of_hf,
    _of_npm,
    _of_pypi,
    _read_names,
    find_labels,
)

CARD = b"""---
license: apache-2.0
pipeline_tag: object-detection
datasets: [coco]
---
# A detector
"""


@pytest.mark.parametrize(
    ("package", "license_", "home"),
    [
        ('{"license": "MIT", "homepage": "https://a.org"}', "MIT", "https://a.org"),
        ('{"license": {"type": "Apache-2.0"}}', "Apache-2.0", None),
        ('{"license": "SEE LICENSE IN x", "repository": "javascript:1"}', None, None),
        ('{"repository": {"url": "git+https://a.org/b.git"}}', None, "https://a.org/b"),
        ("[]", None, None),
        ("no JSON", None, None),
    ],
)
def test_a_package_of_npm(package: str, license_: str | None, home: str | None) -> None:
    facts = _of_npm({"package.json": package.encode()}.get)

    assert (facts.license, facts.homepage) == (license_, home)


@pytest.mark.parametrize(
    ("metadata", "license_"),
    [
        ("License-Expression: MIT OR Apache-2.0", "MIT OR Apache-2.0"),
        ("License: Apache License, Version 2.0", "Apache-2.0"),
        ("Classifier: License :: OSI Approved :: MIT License", "MIT"),
        ("License: as we like it", None),
    ],
)
def test_a_package_of_pypi(metadata: str, license_: str | None) -> None:
    text = f"Metadata-Version: 2.1\n{metadata}\nHome-page: https://a.org\n\nText".encode()
    source = parse_source("pypi:My.Zoo==1.0#m.h5")
    facts = _of_pypi({"my_zoo-1.0.dist-info/METADATA": text}.get, source)

    assert (facts.license, facts.homepage) == (license_, "https://a.org")


def test_a_repository_with_a_model_card() -> None:
    assert _of_hf({"README.md": CARD}.get) == PackageFacts(
        license="Apache-2.0",
        license_from="README.md",
        task="object-detection",
        card="#README.md",
    )
    assert _of_hf(lambda _path: None) == PackageFacts()


@pytest.mark.parametrize(
    ("file", "content", "names"),
    [
        ("labels.txt", b"\xef\xbb\xbfcat\ndog\n", ["cat", "dog"]),
        ("labels.txt", b"0 cat\n1 a dog\n", ["cat", "a dog"]),
        ("labels.txt", b"cat\n\ndog", None),
        ("labels.txt", b"\xff", None),
        ("labels.json", b'["cat", "dog"]', ["cat", "dog"]),
        ("metadata.json", b'{"labels": ["cat"], "imageSize": 224}', ["cat"]),
        ("labels.json", b'{"0": "cat"}', None),
        ("labels.json", b"[1]", None),
        ("labels.json", None, None),
    ],
)
def test_names_of_classes(file: str, content: bytes | None, names: list[str] | None) -> None:
    assert _read_names(file, content) == names


def test_labels_beside_a_model_count_only_in_the_right_number(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m/m.h5").write_bytes(b"")
    (tmp_path / "m/labels.txt").write_text("cat\ndog\n")
    source = parse_source("m/m.h5")

    assert find_labels(source, {2}, root=tmp_path, cache=tmp_path) == (
        "m/labels.txt",
        ["cat", "dog"],
    )
    assert find_labels(source, {3}, root=tmp_path, cache=tmp_path) is None
