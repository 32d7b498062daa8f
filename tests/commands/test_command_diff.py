"""`doit diff` as people use it: a process of its own, its output and its exit code."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from changed_zoos import ChangedZoo, build_twice
from s3_server import serve_public_s3
from zoos import Build

from pipeline.publish.serve.zoo_server import serving

pytestmark = pytest.mark.network  # TensorFlow.js, once


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> ChangedZoo:
    """Return a zoo that was built, changed, and built again."""
    return build_twice(tmp_path_factory.getbasetemp())


@pytest.fixture
def published(changed: ChangedZoo) -> Iterator[Path]:
    """Return a folder in the zoo, which holds the catalog of the first night."""
    folder = changed.zoo.folder / "public"
    folder.mkdir()
    shutil.copy(changed.earlier, folder / "models.json")
    yield folder
    shutil.rmtree(folder)


def diff(changed: ChangedZoo, *arguments: str) -> Build:
    """Compare the second night."""
    return changed.zoo.doit("diff", *arguments)


def test_a_person_reads_what_changed_what_it_means_and_why(changed: ChangedZoo) -> None:
    done = diff(changed, "earlier.json")

    assert (done.code, done.stderr) == (0, "")
    assert done.stdout.startswith(
        "earlier.json → dist/models.json\n1 new, 1 gone, 8 changed: 7 breaking changes, "
    )
    assert done.stdout.splitlines()[1].endswith("; 1 model as before")
    assert re.search(r"\nfewer  changed\n(  .*\n)*  float16 +[\d.]+ KiB → gone", done.stdout)
    assert (
        "\nrole  changed\n"
        "  breaking    role scores: Identity:0 → Identity_1:0\n"
        '  because     parameters: map.scores: "Identity:0" → "Identity_1:0"\n'
    ) in done.stdout
    assert "\x1b" not in done.stdout


def test_a_folder_a_url_and_what_publish_has_are_read(changed: ChangedZoo, published: Path) -> None:
    manifest = changed.zoo.folder / "models.yaml"
    before = manifest.read_bytes()
    with serving(published) as server:
        outputs = [diff(changed, where).stdout for where in ("public", server.url)]
        outputs.append(diff(changed, f"{server.url}models.json").stdout)
    content = yaml.safe_load(before)
    content["zoo"]["publish"] = {"to": "public"}
    manifest.write_text(yaml.safe_dump(content))
    outputs.append(diff(changed).stdout)
    manifest.write_bytes(before)

    first, *others = [text.partition("\n")[2] for text in outputs]
    assert "7 breaking changes" in first
    assert others == [first, first, first]


def test_a_bucket_is_read(changed: ChangedZoo, monkeypatch: pytest.MonkeyPatch) -> None:
    with serve_public_s3(monkeypatch) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        bucket = server.make_bucket()
        target = f"s3://{bucket}/zoo"
        empty = diff(changed, target)
        server.client().put_file(str(changed.earlier), f"{bucket}/zoo/models.json")
        done = diff(changed, f"{target}/models.json")

    assert f"{target} (nothing is published there yet)" in empty.stdout
    assert "7 breaking changes" in done.stdout


def test_markdown_shows_any_text_as_text(changed: ChangedZoo) -> None:
    done = diff(changed, "earlier.json", "--markdown")

    assert done.stdout.startswith("## What changed in the zoo: 1 new, 1 gone, 8 changed")
    assert "| `role` | changed | **breaking** |" in done.stdout
    assert r"title: none → &lt;script&gt;alert(1)&lt;/script&gt; \| \`x\`" in done.stdout
    assert "<script>" not in done.stdout


def test_programs_read_json(changed: ChangedZoo) -> None:
    content = json.loads(diff(changed, "--json", "earlier.json").stdout)

    assert content["schema"] == 1
    assert content["counts"]["breaking"] == 7
    assert content["counts"]["new"] == 1
    strict = next(model for model in content["models"] if model["name"] == "strict")
    assert strict["marks"] == ["breaking", "regression"]
    assert [cause["kind"] for cause in strict["causes"]] == ["parameters"]
    uint8 = next(variant for variant in strict["variants"] if variant["name"] == "uint8")
    assert uint8["before"]["status"] == "ok"
    assert uint8["after"]["error"]["share"] > uint8["after"]["error"]["limit"]


def test_the_exit_code_tells_of_what_is_asked_for(changed: ChangedZoo) -> None:
    assert diff(changed, "earlier.json", "--fail-on", "breaking").code == 1
    assert diff(changed, "--fail-on=regression,breaking", "earlier.json").code == 1
    assert diff(changed, "dist", "--fail-on", "breaking,regression").code == 0
    assert "nothing changed, 10 models as before" in diff(changed, "dist/models.json").stdout


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        pytest.param((), 3, "found no zoo to compare with", id="no target"),
        pytest.param(("a", "b"), 3, "expected one zoo", id="two"),
        pytest.param(("dist", "--fail-on", "new"), 3, "expected breaking, regression", id="marks"),
        pytest.param(("dist", "--json", "--markdown"), 3, "exclude each other", id="two forms"),
        pytest.param(("dost",), 1, "there is no such file or folder", id="a typo"),
        pytest.param(("models.yaml",), 1, "is no catalog of a zoo", id="no catalog"),
        pytest.param(("http://127.0.0.1:9/",), 1, "connection to", id="no server"),
    ],
)
def test_what_cannot_be_compared_is_told(
    changed: ChangedZoo, arguments: tuple[str, ...], code: int, message: str
) -> None:
    done = diff(changed, *arguments)

    assert done.code == code
    assert message in done.stderr
    assert "Traceback" not in done.stderr
