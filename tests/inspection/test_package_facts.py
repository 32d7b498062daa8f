"""What packages and repositories say of the models in them."""

import zipfile
from pathlib import Path

import pytest
from identify.vendor.licenses import LICENSES

from pipeline.fetch.address.source import parse_source
from pipeline.inspection.license_texts import LicenseText, recognize_license
from pipeline.inspection.package_facts import (
    PackageFacts,
    _of_hf,
    _of_npm,
    _of_pypi,
    _read_names,
    find_labels,
    read_package,
)

TEXTS = dict(LICENSES)

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


@pytest.mark.parametrize("license_", ["MIT", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC"])
def test_the_text_of_a_license_is_recognized(license_: str) -> None:
    text = TEXTS[license_].replace("[year]", "2024").replace("[fullname]", "Ann Example")

    assert recognize_license(text.replace("\n", "\r\n").encode()) == license_
    assert recognize_license(text[: len(text) * 2 // 3].encode()) is None


@pytest.mark.parametrize(
    ("content", "license_"),
    [
        (TEXTS["GPL-3.0"].encode(), "GPL-3.0-only"),
        ((TEXTS["MIT"] + TEXTS["Apache-2.0"]).encode(), None),
        (b"Ask us before you use it.", None),
        (b"\xff\xfe", None),
        (b"", None),
    ],
    ids=["which version", "two", "other terms", "no text", "empty"],
)
def test_other_texts(content: bytes, license_: str | None) -> None:
    assert recognize_license(content) == license_


def test_a_license_text_is_looked_for_in_the_folder_of_the_model_then_at_the_root(
    tmp_path: Path,
) -> None:
    with zipfile.ZipFile(tmp_path / "m.zip", "w") as archive:
        archive.writestr("zoo/a/m.h5", b"-")
        archive.writestr("zoo/b/m.h5", b"-")
        archive.writestr("zoo/LICENSE", TEXTS["MIT"])
        archive.writestr("zoo/a/license.txt", TEXTS["Zlib"])
    (tmp_path / "COPYING").write_text(TEXTS["ISC"])
    (tmp_path / "m.h5").write_bytes(b"-")

    found = [
        read_package(parse_source(text), root=tmp_path, cache=tmp_path / "cache")
        for text in ("m.zip#a/m.h5", "m.zip#b/m.h5", "m.h5")
    ]
    assert [facts.license for facts in found] == [None, None, None]
    assert [facts.license_text for facts in found] == [
        LicenseText(license="Zlib", path="a/license.txt"),
        LicenseText(license="MIT", path="LICENSE"),
        LicenseText(license="ISC", path="COPYING"),
    ]
