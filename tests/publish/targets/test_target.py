"""Places: what a target may be, and folders and stores as places."""

from pathlib import Path

import fsspec
import pytest

from pipeline.errors import PublishError, TargetError
from pipeline.publish.headers import find_headers
from pipeline.publish.targets.bucket_target import BucketTarget
from pipeline.publish.targets.folder_target import FolderTarget
from pipeline.publish.targets.target import Target, open_target

HEADERS = find_headers("x.json", immutable=False)


def target(text: str, root: Path) -> Target:
    """Open a place."""
    return open_target(text, root=root, output=root / "dist")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("dist", "holds or lies in dist/", id="dist"),
        pytest.param("dist/public", "holds or lies in dist/", id="in dist"),
        pytest.param(".", "holds or lies in dist/", id="the zoo itself"),
        pytest.param(".zoo/x", r"holds or lies in \.zoo/", id="in .zoo"),
        pytest.param("https://host/zoo", "cannot be written over https", id="http"),
        pytest.param("s3://", "names no folder", id="no bucket"),
        pytest.param("s3://me:secret@bucket/zoo", "credentials are no part", id="credentials"),
        pytest.param("nosuch://bucket", "is no kind of store", id="unknown scheme"),
    ],
)
def test_a_target_that_cannot_be_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(PublishError, match=message) as caught:
        target(text, tmp_path)

    assert "secret" not in caught.value.describe()


def test_a_folder_may_be_relative_absolute_or_a_url(tmp_path: Path) -> None:
    root = tmp_path / "zoo"
    for text in ("../a b", str(tmp_path / "a b"), (tmp_path / "a b").as_uri()):
        found = target(text, root)

        assert isinstance(found, FolderTarget)
        assert found.folder == tmp_path / "a b"


@pytest.fixture(params=["folder", "store"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Target:
    """Return an empty folder as a place, or one that fsspec reaches."""
    if request.param == "folder":
        return FolderTarget(tmp_path / "x", shown="x")
    fs = fsspec.filesystem("local", auto_mkdir=True)
    return BucketTarget(fs, str(tmp_path / "x"), scheme="sftp", shown="x")


def test_files_come_go_and_are_found(empty: Target, tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(b"from a file")
    empty.write("a/b.json", b"{}", HEADERS)
    empty.write("a/b.json", b"[1]", HEADERS)
    empty.write("c.bin", tmp_path / "source", HEADERS)

    assert empty.find() == {"a/b.json": 3, "c.bin": 11}
    assert empty.read("a/b.json") == b"[1]"
    assert empty.read("c.bin") == b"from a file"
    assert empty.read("d") is None
    empty.remove("a/b.json")
    empty.remove("a/b.json")
    assert empty.find() == {"c.bin": 11}


def test_others_hidden_folders_are_not_looked_into(tmp_path: Path) -> None:
    folder = FolderTarget(tmp_path, shown="x")
    for path in (".git/config", ".well-known/x", "a/.zoo-part", "generations/.lock", ".nojekyll"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text("")

    assert set(folder.find()) == {".well-known/x", ".nojekyll"}


@pytest.mark.parametrize("path", ["../x", "/etc/x", "a/../../x", ""])
def test_no_path_leads_out_of_a_folder(tmp_path: Path, path: str) -> None:
    folder = FolderTarget(tmp_path / "x", shown="x")
    with pytest.raises(PublishError, match="leads out of it"):
        folder.write(path, b"", HEADERS)
    with pytest.raises(PublishError, match="leads out of it"):
        folder.remove(path)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("a file")

    with pytest.raises(TargetError, match=r"public: a/b: (Not a directory|File exists)"):
        FolderTarget(tmp_path / "x", shown="public").write("a/b", b"", HEADERS)


def test_a_copy_that_a_kill_left_is_swept(tmp_path: Path) -> None:
    folder = FolderTarget(tmp_path, shown="x")
    left = tmp_path / "models/.a.bin.zoo-part"
    left.parent.mkdir()
    left.write_text("half")
    assert folder.find() == {}
    assert left.exists()
    with folder.hold(print) as check:
        check()
        folder.find()

    assert not left.exists()
