"""dist/: what is put there, in which order, and what goes when."""

from pathlib import Path

import pytest

import pipeline.steps.dist
from pipeline.disk.canonical import format_json
from pipeline.disk.files import digest_file
from pipeline.errors import DamagedBuildError, DamagedFileError
from pipeline.steps.dist import find_fault, find_unlisted, project, remove_unlisted
from pipeline.steps.placed import load_placed, load_placed_list
from pipeline.steps.projection import Projected, Projection, format_files, list_by_model


class Dist:
    """A state folder to project from, and a dist/ to project to."""

    def __init__(self, root: Path) -> None:
        self.state = root / "state"
        self.dist = root / "dist"
        self.state_file = root / "dist.json"

    def file(self, path: str, content: str) -> Projected:
        """Write a file of the build, and say where it belongs."""
        source = self.state / path
        source.parent.mkdir(parents=True, exist_ok=True)
        source.write_text(content)
        size, digest = source.stat().st_size, digest_file(source)
        return Projected(path=path, source=path, bytes=size, sha256=digest)

    def project(self, *files: Projected, grace_seconds: float = 60) -> None:
        """Bring dist/ up to date."""
        project(
            list_by_model(files),
            state=self.state,
            dist=self.dist,
            state_file=self.state_file,
            grace_seconds=grace_seconds,
        )

    def fault(self, *files: Projected) -> str | None:
        """Say what is wrong."""
        return find_fault(list_by_model(files), load_placed_list(self.state_file), self.dist)


@pytest.fixture
def dist(tmp_path: Path) -> Dist:
    """Return an empty dist/."""
    return Dist(tmp_path)


def test_files_are_copies(dist: Dist) -> None:
    file = dist.file("models/a/x-1/model.json", "{}")
    dist.project(file)

    assert (dist.dist / file.path).read_text() == "{}"
    assert (dist.dist / file.path).stat().st_ino != (dist.state / file.path).stat().st_ino
    assert dist.fault(file) is None


def test_the_catalog_is_swapped_in_last(dist: Dist, monkeypatch: pytest.MonkeyPatch) -> None:
    placed: list[str] = []
    place = pipeline.steps.dist._place

    def record(file: Projected, source: Path, target: Path) -> None:
        placed.append(target.name)
        place(file, source, target)

    monkeypatch.setattr(pipeline.steps.dist, "_place", record)
    names = ("models.json", "models.schema.json", "models/z/float32-1/model.json")
    dist.project(*(dist.file(name, name) for name in names))

    assert placed == ["model.json", "models.schema.json", "models.json"]


def test_what_is_in_place_is_not_copied_again(dist: Dist) -> None:
    file = dist.file("models.json", "{}")
    dist.project(file)
    before = (dist.dist / "models.json").stat().st_ino
    dist.project(file)

    assert (dist.dist / "models.json").stat().st_ino == before


def test_an_unlisted_file_stays_for_the_grace_period_and_then_goes(dist: Dist) -> None:
    old = dist.file("models/a/x-1/model.json", "old")
    new = dist.file("models/a/x-2/model.json", "new")
    dist.project(old)
    dist.project(new)
    assert (dist.dist / old.path).exists()
    assert find_unlisted(list_by_model([new]), dist.state_file, grace_seconds=60) == []
    assert find_unlisted(list_by_model([new]), dist.state_file, grace_seconds=0) == [old.path]
    dist.project(new, grace_seconds=0)

    assert not (dist.dist / "models/a/x-1").exists()
    assert (dist.dist / new.path).exists()
    assert list(load_placed(dist.state_file)) == [new.path]


def test_a_file_listed_again_is_no_longer_on_its_way_out(dist: Dist) -> None:
    old, new = dist.file("models/a/model.json", "old"), dist.file("models/b/model.json", "new")
    dist.project(old)
    dist.project(new)
    dist.project(old, new)

    assert find_unlisted(list_by_model([old, new]), dist.state_file, grace_seconds=0) == []
    assert load_placed(dist.state_file)[old.path].unlisted is None


def test_faults_are_named(dist: Dist) -> None:
    one, two = dist.file("models/a/model.json", "1"), dist.file("models.json", "2")
    assert dist.fault(one) == "models/a/model.json is missing, changed or new"
    dist.project(one, two)
    assert dist.fault(one) == "models.json is no longer listed"
    (dist.dist / "models/a/model.json").write_text("tampered")
    assert dist.fault(one, two) == "models/a/model.json is missing, changed or new"


def test_files_of_others_are_never_touched(dist: Dist) -> None:
    (dist.dist / "models").mkdir(parents=True)
    (dist.dist / "CNAME").write_text("zoo.example.org")
    file = dist.file("models/a/model.json", "1")
    dist.project(file)
    dist.project(grace_seconds=0)

    assert [path.name for path in dist.dist.iterdir()] == ["CNAME"]


def test_a_file_that_was_changed_after_it_was_built_is_not_published(dist: Dist) -> None:
    old = dist.file("models.json", "old")
    dist.project(old)
    new = dist.file("build/one/card/x-1/shard.bin", "good")
    (dist.state / new.path).write_text("evil")

    catalog = dist.file("models.json", "new")
    with pytest.raises(
        DamagedBuildError, match=r"build/one/card/x-1/shard\.bin was changed"
    ) as error:
        dist.project(new, catalog)
    assert error.value.model == "one"
    assert not (dist.dist / new.path).exists()
    assert (dist.dist / "models.json").read_text() == "old"


def test_what_a_kill_left_of_a_copy_is_swept(dist: Dist) -> None:
    left = dist.dist / "models/a/.shard.bin.zoo-part"
    left.parent.mkdir(parents=True)
    left.write_text("half")
    dist.project(dist.file("models.json", "{}"))

    assert not left.exists()


def test_what_a_kill_left_of_a_later_copy_is_swept(
    dist: Dist, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = dist.file("models/a/x-1/model.json", "1"), dist.file("models/a/x-2/model.json", "2")
    dist.project(one)
    left = dist.dist / "models/a/x-2/.model.json.zoo-part"

    def die(_file: Projected, _source: Path, target: Path) -> None:
        target.parent.mkdir()
        left.write_text("half")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(pipeline.steps.dist, "_place", die)
        with pytest.raises(KeyboardInterrupt):
            dist.project(one, two)
    dist.project(one)

    assert not left.exists()


def test_lists_of_models_that_stay_as_they_are_are_not_read(
    dist: Dist, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = dist.file("models/a/x-1/model.json", "1"), dist.file("models/b/x-1/model.json", "2")
    dist.project(one, two)
    read: list[str] = []
    files = Projection.files

    def record(self: Projection, model: str) -> list[Projected]:
        read.append(model)
        return files(self, model)

    monkeypatch.setattr(Projection, "files", record)
    assert dist.fault(one, two) is None
    dist.project(one, two)
    assert read == []
    dist.project(one, dist.file("models/b/x-2/model.json", "3"))
    assert read == ["b"]
    (dist.dist / one.path).unlink()
    dist.project(one)

    assert read == ["b", "a"]
    assert (dist.dist / one.path).exists()


def test_a_list_of_an_earlier_form_is_read(dist: Dist) -> None:
    old, new = dist.file("models/a/x-1/model.json", "old"), dist.file("models.json", "new")
    dist.project(old, new)
    placed = load_placed(dist.state_file)
    dist.state_file.write_bytes(format_json({path: vars(was) for path, was in placed.items()}))
    assert load_placed(dist.state_file) == placed
    assert dist.fault(old, new) is None
    dist.project(new, grace_seconds=0)

    assert not (dist.dist / old.path).exists()


def test_a_damaged_line_costs_the_files_of_its_model(dist: Dist) -> None:
    one, two = dist.file("models/a/x-1/model.json", "1"), dist.file("models.json", "2")
    dist.project(one, two)
    content = dist.state_file.read_bytes()
    dist.state_file.write_bytes(content.replace(b'"a": {"files"', b'"a": {"fil"'))
    assert dist.fault(one, two) == "models/a/x-1/model.json is missing, changed or new"
    dist.project(one, two)

    assert dist.fault(one, two) is None


def test_a_file_in_the_list_of_another_model_is_a_fault(dist: Dist) -> None:
    file = dist.file("models/a/x-1/model.json", "1")
    lists = Projection(lines={"b": (format_files([file]),)})
    with pytest.raises(DamagedFileError, match=r"models/a/x-1/model\.json is listed under 'b'"):
        lists.files("b")


def test_unlisted_files_are_removed_without_placing_any(dist: Dist) -> None:
    old, new = dist.file("models/a/model.json", "old"), dist.file("models/b/model.json", "new")
    dist.project(old)
    dist.project(new)
    (dist.dist / new.path).unlink()
    remove_unlisted(list_by_model([new]), dist.state_file, dist.dist, grace_seconds=0)

    assert not list(dist.dist.rglob("*.json"))
