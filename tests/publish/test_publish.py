"""Publishing to a folder and to a real S3 server: what is uploaded, in which order, what stays."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from built_zoos import BuiltZoo, publisher, read_zoo, sha256, weights_of
from s3_server import S3, serve_public_s3

from pipeline.catalog.document import CATALOG_FILE
from pipeline.errors import PublishError, TargetError
from pipeline.publish.generations.state import load_index
from pipeline.publish.headers import find_headers
from pipeline.publish.targets.target import Target

HEADERS = find_headers(CATALOG_FILE, immutable=False)


@pytest.fixture(scope="module")
def s3() -> Iterator[S3]:
    """Return an S3 server."""
    with pytest.MonkeyPatch.context() as patch, serve_public_s3(patch) as server:
        yield server


@pytest.fixture
def zoo(tmp_path: Path) -> BuiltZoo:
    """Return a zoo of two models."""
    zoo = BuiltZoo(tmp_path / "zoo")
    zoo.models = {"cat": {"float32": "miaow", "uint8": "m"}, "dog": {"float32": "wow"}}
    return zoo.build()


@pytest.fixture(params=["folder", "s3"])
def target(request: pytest.FixtureRequest, zoo: BuiltZoo, s3: S3) -> Target:
    """Return an empty place."""
    if request.param == "folder":
        return zoo.target("../public")
    return zoo.target(f"s3://{s3.make_bucket()}/some/zoo", endpoint=s3.url)


def record_writes(target: Target, patch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that grows with the paths written."""
    written: list[str] = []
    write = type(target).write

    def recorded(self: Any, path: str, content: Any, headers: Any) -> None:
        write(self, path, content, headers)
        written.append(path)

    patch.setattr(type(target), "write", recorded)
    return written


def test_all_of_dist_is_published(zoo: BuiltZoo, target: Target) -> None:
    done = zoo.publish(target)

    assert weights_of(read_zoo(target), target) == {"cat": "miaow", "dog": "wow"}
    assert target.read("index.html") == b"<p>zoo</p>"
    assert target.read(".nojekyll") == b""
    assert done.shown.number == 1
    present = target.find()
    for path, file in zoo.contents().files.items():
        assert present[path] == file.bytes


def test_what_never_changes_comes_first_and_the_catalog_last(
    zoo: BuiltZoo, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = record_writes(target, monkeypatch)
    zoo.publish(target)

    zoo_files = [path for path in written if not path.startswith("generations/")]
    immutable = [path for path in zoo_files if "-" in path.split("/")[-2:][0]]
    assert len(immutable) == 6
    assert set(zoo_files[:6]) == set(immutable)
    assert zoo_files[-1] == CATALOG_FILE
    assert zoo_files.index("models/cat/index.html") < zoo_files.index("index.html")
    assert written.index("generations/index.json") > written.index(CATALOG_FILE)


def test_a_second_publish_of_the_same_writes_nothing(
    zoo: BuiltZoo, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    zoo.publish(target)
    written = record_writes(target, monkeypatch)
    done = zoo.publish(target)

    assert done.plan.is_empty
    assert [path for path in written if "/locks/" not in path] == []
    assert done.shown.number == 1


def test_only_what_is_new_is_uploaded(zoo: BuiltZoo, target: Target) -> None:
    zoo.publish(target)
    zoo.models["dog"] = {"float32": "wuff"}
    zoo.build()
    done = zoo.publish(target)

    assert {path.split("/")[1] for path in done.plan.upload} == {"dog"}
    assert len(done.plan.upload) == 2
    assert [path for group in done.plan.swap for path in group] == [
        "models/dog/float32/model.json",
        CATALOG_FILE,
    ]
    assert weights_of(read_zoo(target), target) == {"cat": "miaow", "dog": "wuff"}


def test_a_file_that_somebody_removed_is_uploaded_again(zoo: BuiltZoo, target: Target) -> None:
    zoo.publish(target)
    gone = next(path for path in zoo.contents().files if path.endswith(".bin"))
    target.remove(gone)
    done = zoo.publish(target)

    assert done.plan.upload == (gone,)
    read_zoo(target)


def test_a_catalog_that_somebody_else_wrote_is_replaced_with_all_pages(
    zoo: BuiltZoo, target: Target
) -> None:
    zoo.publish(target)
    zoo.dist.joinpath("robots.txt").write_text("mine")
    other = BuiltZoo(zoo.root.parent / "other")
    other.models = {"bird": {"float32": "tweet"}}
    content = (other.build().dist / CATALOG_FILE).read_bytes()
    target.write(CATALOG_FILE, content, HEADERS)
    done = zoo.publish(target)

    assert done.plan.upload == ()
    assert target.read(CATALOG_FILE) == (zoo.dist / CATALOG_FILE).read_bytes()
    assert "index.html" in {path for group in done.plan.swap for path in group}
    assert target.read("robots.txt") == b"mine"


def test_again_writes_every_file(zoo: BuiltZoo, target: Target) -> None:
    zoo.publish(target)
    damaged = next(path for path in zoo.contents().files if path.endswith(".bin"))
    target.write(damaged, b"x" * zoo.contents().files[damaged].bytes, HEADERS)
    done = zoo.publish(target, again=True)

    assert set(done.plan.written) == set(zoo.contents().files)
    read_zoo(target)


def test_a_preview_writes_nothing(zoo: BuiltZoo, target: Target) -> None:
    done = publisher(target).preview(zoo.contents(), render=None)

    assert done.plan.number == 1
    assert len(done.plan.upload) == 6
    assert target.find() == {}


def test_a_rollback_shows_an_earlier_generation_with_all_its_files(
    zoo: BuiltZoo, target: Target
) -> None:
    zoo.publish(target)
    first = {path: target.read(path) for path in zoo.contents().files}
    for generation in range(2):
        zoo.models["dog"] = {"float32": f"wuff {generation}"}
        zoo.pages["index.html"] = f"<p>{generation}</p>"
        zoo.build()
        zoo.publish(target)
    second = publisher(target).roll_back(None)
    shown = weights_of(read_zoo(target), target)
    done = publisher(target).roll_back(None)

    assert (second.shown.rollback_of, shown["dog"]) == (2, "wuff 0")
    assert (done.shown.number, done.shown.rollback_of) == (5, 1)
    assert done.plan.upload == ()
    assert {path: target.read(path) for path in first} == first
    read_zoo(target)
    with pytest.raises(PublishError, match=r"no generation before .*; kept: 1, 2, 3, 4, 5"):
        publisher(target).roll_back(None)
    with pytest.raises(PublishError, match="generation 9 is not kept"):
        publisher(target).roll_back(9)


def test_a_publish_after_a_rollback_goes_on(zoo: BuiltZoo, target: Target) -> None:
    zoo.publish(target)
    zoo.models["dog"] = {"float32": "wuff"}
    zoo.build()
    zoo.publish(target)
    publisher(target).roll_back(1)
    done = zoo.publish(target)

    assert done.shown.number == 4
    assert weights_of(read_zoo(target), target)["dog"] == "wuff"
    lines = load_index(target).generations
    assert [line.rollback_of for line in lines] == [None, None, 1, None]
    assert [line.replaced is None for line in lines] == [False, False, False, True]


def test_a_rollback_to_a_generation_with_a_lost_file_is_refused(
    zoo: BuiltZoo, target: Target
) -> None:
    zoo.publish(target)
    gone = next(path for path in zoo.contents().files if path.endswith(".bin") and "dog" in path)
    zoo.models["dog"] = {"float32": "wuff"}
    zoo.build()
    zoo.publish(target)
    target.remove(gone)

    with pytest.raises(PublishError, match="of generation 1 is gone"):
        publisher(target).roll_back(None)
    assert weights_of(read_zoo(target), target)["dog"] == "wuff"


def test_a_model_that_failed_stays_as_it_is_published(zoo: BuiltZoo, target: Target) -> None:
    zoo.publish(target)
    zoo.models["dog"] = None
    zoo.models["cat"] = {"float32": "purr"}
    zoo.build()
    rendered: list[Mapping[str, Any]] = []

    def render(catalog: Mapping[str, Any]) -> Mapping[str, bytes]:
        rendered.append(catalog)
        return {"index.html": b"<p>dog is stale</p>"}

    done = zoo.publish(target, render=render)
    catalog = read_zoo(target)

    dog = next(entry for entry in catalog["models"] if entry["name"] == "dog")
    assert (dog["status"], dog["reason"]) == ("stale", "the source is gone")
    assert dog["staleSince"] == done.shown.published
    assert dict(done.plan.kept) == {"dog": "the source is gone"}
    assert weights_of(catalog, target) == {"cat": "purr", "dog": "wow"}
    assert rendered == [catalog]
    assert target.read("index.html") == b"<p>dog is stale</p>"
    assert target.read("models/dog/float32/model.json") is not None
    assert not [path for path in done.plan.gone if path.startswith("models/dog/float32")]

    again = zoo.publish(target, render=render)

    assert again.plan.is_empty
    assert read_zoo(target) == catalog


def test_a_model_that_the_manifest_dropped_is_gone_but_its_files_stay(
    zoo: BuiltZoo, target: Target
) -> None:
    zoo.publish(target)
    del zoo.models["dog"]
    del zoo.pages["models/dog/index.html"]
    zoo.build()
    done = zoo.publish(target)

    assert [entry["name"] for entry in read_zoo(target)["models"]] == ["cat"]
    assert len([path for path in done.plan.gone if path.startswith("models/dog/")]) == 4
    assert set(done.plan.gone) <= set(target.find())


def test_a_failed_model_whose_published_files_are_gone_is_told(
    zoo: BuiltZoo, target: Target
) -> None:
    zoo.publish(target)
    gone = next(path for path in zoo.contents().files if path.endswith(".bin") and "dog" in path)
    target.remove(gone)
    zoo.models["dog"] = None
    zoo.build()
    done = zoo.publish(target)

    assert dict(done.plan.lost) == {"dog": gone}
    assert [entry["status"] for entry in read_zoo(target)["models"]] == ["ok", "failed"]


def test_new_content_under_a_name_for_another_is_refused(
    zoo: BuiltZoo, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("built_zoos.variant_folder", lambda name, _outputs: f"{name}-00000000")
    zoo.build()
    zoo.publish(target)
    zoo.models["dog"] = {"float32": "wuff"}
    zoo.build()

    with pytest.raises(PublishError, match=r"models/dog/float32-00000000/.*with other content"):
        zoo.publish(target)
    assert weights_of(read_zoo(target), target)["dog"] == "wow"


def test_a_bucket_gets_content_types_and_cache_headers(zoo: BuiltZoo, s3: S3) -> None:
    bucket = s3.make_bucket()
    zoo.pages["assets/style-0a1b2c3d.css"] = "p {}"
    zoo.build().publish(zoo.target(f"s3://{bucket}/zoo", endpoint=s3.url))
    shard = next(path for path in zoo.contents().files if path.endswith(".bin"))
    forever, asked = "public, max-age=31536000, immutable", "public, no-cache"
    found = {}
    for path in (shard, "assets/style-0a1b2c3d.css", "zoo.js", "index.html", CATALOG_FILE):
        head = s3.client().call_s3("head_object", Bucket=bucket, Key=f"zoo/{path}")
        found[path] = (head["ContentType"], head["CacheControl"])

    assert found == {
        shard: ("application/octet-stream", forever),
        "assets/style-0a1b2c3d.css": ("text/css; charset=utf-8", forever),
        "zoo.js": ("text/javascript; charset=utf-8", asked),
        "index.html": ("text/html; charset=utf-8", asked),
        CATALOG_FILE: ("application/json", asked),
    }


def test_a_bucket_that_is_not_there_is_named(zoo: BuiltZoo, s3: S3) -> None:
    with pytest.raises(PublishError, match="s3://nowhere/zoo: there is no such bucket"):
        zoo.publish(zoo.target("s3://nowhere/zoo", endpoint=s3.url))


def test_a_server_that_does_not_answer_is_told_without_what_its_client_says(zoo: BuiltZoo) -> None:
    target = zoo.target("s3://bucket/zoo", endpoint="http://127.0.0.1:9")
    with pytest.raises(TargetError, match=r"s3://bucket/zoo: .*EndpointConnectionError"):
        zoo.publish(target)


def test_the_records_name_every_file_with_its_digest(zoo: BuiltZoo, target: Target) -> None:
    done = zoo.publish(target)

    for path, file in done.shown.files.items():
        assert sha256(target.read(path) or b"") == file.sha256
