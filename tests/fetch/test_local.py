"""Files and folders of this machine."""

import contextlib
import hashlib
import io
import json
import os
import posixpath
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from onnx_files import onnx_model

from pipeline.disk.canonical import digest_json
from pipeline.errors import FetchError, UntrustedSourceError
from pipeline.fetch.address.source import parse_source
from pipeline.fetch.fetch import Fetched, fetch_source, source_state

LFS_POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n"


def model_json(*shards: str) -> bytes:
    """Return a model.json that names shards."""
    manifest = [{"paths": [shard], "weights": []} for shard in shards]
    model = {"modelTopology": {"text": '"paths": ["no"]'}, "weightsManifest": manifest}
    return json.dumps(model).encode()


def write(root: Path, files: dict[str, bytes]) -> None:
    """Write files below a folder."""
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)


def fetch(root: Path, text: str, *, sha256: str | None = None) -> Fetched:
    """Fetch a source of a folder into its folder `out`."""
    folder = root / "out"
    folder.mkdir()
    return fetch_source(
        parse_source(text),
        root=root,
        folder=folder,
        cache=root / "cache",
        sha256=sha256,
        progress=lambda _done, _total: None,
    )


def names_in(folder: Path) -> set[str]:
    """Return the paths of all files below a folder."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_a_file(tmp_path: Path) -> None:
    write(tmp_path, {"models/m.h5": b"weights", "models/other.h5": b"other"})
    fetched = fetch(tmp_path, "models/m.h5")

    assert fetched == Fetched(
        entry="m.h5",
        uri="models/m.h5",
        sha256=hashlib.sha256(b"weights").hexdigest(),
        final=False,
        note=None,
    )
    assert names_in(tmp_path / "out") == {"m.h5"}


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    write(tmp_path, {"m.h5": b"weights", "out/m.h5": b"there"})
    source = parse_source("m.h5")

    with pytest.raises(UntrustedSourceError, match="have the same name"):
        fetch_source(
            source,
            root=tmp_path,
            folder=tmp_path / "out",
            cache=tmp_path / "cache",
            sha256=None,
            progress=lambda _done, _total: None,
        )


def test_an_edit_in_place_reaches_no_fetched_file(tmp_path: Path) -> None:
    write(tmp_path, {"m.h5": b"weights"})
    fetch(tmp_path, "m.h5")
    (tmp_path / "m.h5").write_bytes(b"changed")

    assert (tmp_path / "out/m.h5").read_bytes() == b"weights"


@pytest.mark.parametrize("source", ["m/model.json", "m", "./m/", "file:m/model.json"])
def test_a_model_json_brings_its_shards_only(tmp_path: Path, source: str) -> None:
    content = model_json("a.bin", "more/b.bin")
    write(tmp_path, {"m/model.json": content, "m/a.bin": b"a", "m/more/b.bin": b"b", "m/c": b""})
    fetched = fetch(tmp_path, source)

    assert fetched.entry == "model.json"
    assert names_in(tmp_path / "out") == {"model.json", "a.bin", "more/b.bin"}
    assert fetched.sha256 == digest_json(
        {
            "a.bin": hashlib.sha256(b"a").hexdigest(),
            "model.json": hashlib.sha256(content).hexdigest(),
            "more/b.bin": hashlib.sha256(b"b").hexdigest(),
        }
    )


def test_a_folder_brings_all_below_it(tmp_path: Path) -> None:
    files = {"m/saved_model.pb": b"graph", "m/model.json": b"{}", "m/assets/empty": b""}
    write(tmp_path, {**files, "m/.git/HEAD": b"x"})
    fetched = fetch(tmp_path, "m")

    assert fetched.entry == "."
    assert names_in(tmp_path / "out") == {"saved_model.pb", "model.json", "assets/empty"}


def test_a_folder_of_one_file_is_still_a_folder(tmp_path: Path) -> None:
    write(tmp_path, {"m/saved_model.pb": b"graph"})
    fetched = fetch(tmp_path, "m")

    listing = {"saved_model.pb": hashlib.sha256(b"graph").hexdigest()}
    assert fetched.sha256 == digest_json(listing)


@pytest.mark.parametrize(
    "content", [b"{}", b'{"modelTopology": {}, "weightsManifest": []}'], ids=["none", "empty"]
)
def test_a_folder_with_a_model_json_without_weights_is_that_model(
    tmp_path: Path, content: bytes
) -> None:
    write(tmp_path, {"m/model.json": content, "m/README": b"text"})
    fetched = fetch(tmp_path, "m")

    assert fetched.entry == "model.json"
    assert names_in(tmp_path / "out") == {"model.json"}


def test_an_empty_folder_is_named_as_it_was_written(tmp_path: Path) -> None:
    (tmp_path / "models/m").mkdir(parents=True)

    with pytest.raises(FetchError, match=r"^models/m: an empty folder; expected a model$"):
        fetch(tmp_path, "models/m")


def test_links_are_followed_but_not_in_circles(tmp_path: Path) -> None:
    write(tmp_path, {"m/saved_model.pb": b"graph", "m/.git/variables.index": b"index"})
    (tmp_path / "m/variables").symlink_to(tmp_path / "m/.git")
    (tmp_path / "m/.git/back").symlink_to(tmp_path / "m")
    fetch(tmp_path, "m")

    assert names_in(tmp_path / "out") == {"saved_model.pb", "variables/variables.index"}


@pytest.mark.parametrize(
    "shard",
    [
        *("../a.bin", "../b/a.bin", "../../b/weights/a.bin", "../b-0123abcd/c/a.bin"),
        *("../b-0123abcd/a.json", "../../b-0123abcd/a.bin", "../b/weights/0123456789abcdef.bin"),
        *("../a", "../../../a.bin", "../x/../a.bin", "../../../../a.bin", ".././../../a.bin"),
        *("%2e%2e/a", "%2e%2e/%2e%2e/%2e%2e/a.bin", "../..%2f../a.bin", "..%2F..%2F..%2Fa.bin"),
        *("..", "../", "../.bin/..", "..//a.bin", "../C:/a.bin", "..\\a.bin", "../a.bin\0"),
        *("/a.bin", "x/../../a.bin", "https://host/a.bin", "x" * 300, "a/" * 70 + "a"),
        *("a\nb", "a\x1b[2J", "a\0", "a\u202eb", "\ud800", "C:/a", "x\\..\\..\\a", ".", "..", ""),
    ],
)
def test_a_shard_outside_is_refused(tmp_path: Path, shard: str) -> None:
    write(tmp_path, {"m/model.json": model_json(shard), "a.bin": b"a"})

    with pytest.raises(UntrustedSourceError, match="expected a short path of printable"):
        fetch(tmp_path, "m/model.json")


def test_shards_of_a_published_zoo_come_along_from_above(tmp_path: Path) -> None:
    shards = ("../float32-0123abcd/a.bin", "../../text/weights/0123456789abcdef.bin", "c")
    path = "zoo/models/m/float32/model.json"
    write(tmp_path, {path: model_json(*shards), "zoo/models/m/float32/c": b"c"})
    write(tmp_path / "zoo/models/m", {"float32-0123abcd/a.bin": b"a"})
    write(tmp_path / "zoo/models/text", {"weights/0123456789abcdef.bin": b"b"})
    fetched = fetch(tmp_path, path)

    model = tmp_path / "out" / fetched.entry
    assert [(model.parent / shard).read_bytes() for shard in shards] == [b"a", b"b", b"c"]
    assert len(names_in(tmp_path / "out")) == 4
    state = source_state(parse_source(path), root=tmp_path)
    assert state is not None
    assert set(state) == {"model.json", *shards}


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    write(tmp_path, {"m/model.json": model_json("shard1of2.bin"), "m/shard1of2": b"a"})

    with pytest.raises(FetchError, match=r"names the shard 'shard1of2\.bin'.*mean 'shard1of2'"):
        fetch(tmp_path, "m/model.json")


def test_a_missing_file_suggests_its_neighbours(tmp_path: Path) -> None:
    write(tmp_path, {"models/mobilenet.h5": b"x"})

    with pytest.raises(FetchError, match=r"no such file or folder; did you mean 'mobilenet\.h5'"):
        fetch(tmp_path, "models/mobilnet.h5")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        pytest.param("m.h5", b"", "an empty file", id="empty"),
        pytest.param("m.h5", b"<html>", "an HTML page", id="HTML"),
        pytest.param("model.json", b"{", "not JSON", id="half a JSON"),
        pytest.param("model.json", b"<!doctype html>", "an HTML page", id="HTML for JSON"),
        pytest.param("model.json", LFS_POINTER, "a Git-LFS pointer", id="Git-LFS for JSON"),
        pytest.param("model.json", b"", "an empty file", id="empty for JSON"),
    ],
)
def test_no_model(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    write(tmp_path, {name: content})

    with pytest.raises(FetchError, match=f"^{name}: {message}") as caught:
        fetch(tmp_path, name)
    assert not caught.value.retry


def test_a_pointer_deep_in_a_folder_is_found(tmp_path: Path) -> None:
    write(tmp_path, {"m/saved_model.pb": b"graph", "m/variables/variables.data": LFS_POINTER})

    with pytest.raises(FetchError, match=r"variables\.data: a Git-LFS pointer"):
        fetch(tmp_path, "m")


def test_a_pin_is_the_files_digest(tmp_path: Path) -> None:
    write(tmp_path, {"m.h5": b"weights"})
    digest = hashlib.sha256(b"weights").hexdigest()

    assert fetch(tmp_path, "m.h5", sha256=digest.upper()).sha256 == digest


def test_a_wrong_pin_names_both_digests(tmp_path: Path) -> None:
    write(tmp_path, {"m.h5": b"weights"})
    found = hashlib.sha256(b"weights").hexdigest()

    with pytest.raises(FetchError, match=f"sha256 is {found}; expected {'0' * 64}"):
        fetch(tmp_path, "m.h5", sha256="0" * 64)


def test_an_absolute_path_is_not_published(tmp_path: Path) -> None:
    write(tmp_path, {"m.h5": b"weights"})

    assert fetch(tmp_path, f"file://{tmp_path}/m.h5").uri == "file:m.h5"


def test_state_of_a_model_json_has_its_shards(tmp_path: Path) -> None:
    write(tmp_path, {"m/model.json": model_json("a.bin", "gone.bin"), "m/a.bin": b"abc"})
    state = source_state(parse_source("m/model.json"), root=tmp_path)

    assert state is not None
    assert set(state) == {"model.json", "a.bin", "gone.bin"}
    assert state["a.bin"] == [3, (tmp_path / "m/a.bin").stat().st_mtime_ns]
    assert state["gone.bin"] == [-1, -1]


def test_an_onnx_model_brings_the_files_that_have_its_data(tmp_path: Path) -> None:
    content = onnx_model("m.onnx.data", "./more/b.bin", "m.onnx.data")
    write(tmp_path, {"m/m.onnx": content, "m/m.onnx.data": b"a", "m/more/b.bin": b"", "m/c": b""})
    source = parse_source("m/m.onnx")

    fetched = fetch(tmp_path, "m/m.onnx")

    assert fetched.entry == "m.onnx"
    assert names_in(tmp_path / "out") == {"m.onnx", "m.onnx.data", "more/b.bin"}
    state = source_state(source, root=tmp_path)
    assert state is not None
    assert {posixpath.normpath(name) for name in state} == names_in(tmp_path / "out")


def test_data_of_an_onnx_model_are_beside_it(tmp_path: Path) -> None:
    write(tmp_path, {"m/m.onnx": onnx_model("../a.bin"), "a.bin": b"a"})
    with pytest.raises(UntrustedSourceError, match=r"m\.onnx: has data in '\.\./a\.bin'; expected"):
        fetch(tmp_path, "m/m.onnx")


def test_missing_data_of_an_onnx_model_are_named(tmp_path: Path) -> None:
    write(tmp_path, {"n/n.onnx": onnx_model("n.data"), "n/n.date": b"a"})

    with pytest.raises(
        FetchError, match=r"n\.onnx: has data in 'n\.data', which is not.*'n\.date'"
    ):
        fetch(tmp_path, "n/n.onnx")


OPENVINO = b'<?xml version="1.0"?><net name="m" version="11"><layer type="Const"/></net>'


@pytest.mark.parametrize("source", ["m/m.xml", "m.zip#m/m.xml"])
def test_an_openvino_model_brings_its_constants(tmp_path: Path, source: str) -> None:
    write(tmp_path, {"m/m.xml": OPENVINO, "m/m.bin": b"abcd", "m/other.bin": b""})
    with zipfile.ZipFile(tmp_path / "m.zip", "w") as archive:
        archive.write(tmp_path / "m/m.xml", "m/m.xml")
        archive.write(tmp_path / "m/m.bin", "m/m.bin")

    assert fetch(tmp_path, source).entry == "m.xml"
    assert names_in(tmp_path / "out") == {"m.xml", "m.bin"}
    state = source_state(parse_source("m/m.xml"), root=tmp_path)
    assert state is not None
    assert set(state) == {"m.xml", "m.bin"}


def test_missing_constants_of_an_openvino_model_are_named(tmp_path: Path) -> None:
    write(tmp_path, {"n/n.xml": OPENVINO, "n/n.bi": b"a"})

    with pytest.raises(FetchError, match=r"n\.xml: has data in 'n\.bin', which is not.*'n\.bi'"):
        fetch(tmp_path, "n/n.xml")


def test_state_of_a_folder_tells_of_every_change(tmp_path: Path) -> None:
    write(tmp_path, {"m/saved_model.pb": b"graph", "m/variables/x": b"x"})
    source = parse_source("m")
    first = source_state(source, root=tmp_path)
    os.utime(tmp_path / "m/variables/x", ns=(1, 1))
    second = source_state(source, root=tmp_path)
    write(tmp_path, {"m/y": b""})
    third = source_state(source, root=tmp_path)

    assert first is not None
    assert set(first) == {"saved_model.pb", "variables/x"}
    assert first != second != third


def test_state_of_others(tmp_path: Path) -> None:
    assert source_state(parse_source("gone.h5"), root=tmp_path) == {}
    assert source_state(parse_source("npm:x@1.0.0"), root=tmp_path) is None


def link_to_itself(root: Path) -> str:
    """Make a link that leads to itself; return its path."""
    (root / "circle").symlink_to("circle")
    return "circle"


def folder_of_a_circle(root: Path) -> str:
    """Make a SavedModel with a link that leads to itself; return its path."""
    write(root, {"m/saved_model.pb": b"graph"})
    (root / "m/circle").symlink_to("circle")
    return "m"


def circle_as_shard(root: Path) -> str:
    """Make a model.json whose shard is a link that leads to itself; return its path."""
    write(root, {"m/model.json": model_json("circle")})
    (root / "m/circle").symlink_to("circle")
    return "m/model.json"


def long_name(root: Path) -> str:
    """Return a path that no file system takes."""
    del root
    return "x" * 300


def pipe(root: Path) -> str:
    """Make a pipe; return its path."""
    os.mkfifo(root / "pipe")
    return "pipe"


def folder_of_a_pipe(root: Path) -> str:
    """Make a SavedModel with a pipe in it; return its path."""
    write(root, {"m/saved_model.pb": b"graph"})
    os.mkfifo(root / "m/pipe")
    return "m"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        pytest.param(link_to_itself, "circle: cannot be read: Too many levels", id="circle"),
        pytest.param(folder_of_a_circle, "m: circle: cannot be read: Too many", id="in a folder"),
        pytest.param(circle_as_shard, "circle: cannot be read: Too many", id="circle as shard"),
        pytest.param(long_name, "x: cannot be read: File name too long", id="long name"),
        pytest.param(pipe, "^pipe: a pipe or a device; expected a file", id="pipe"),
        pytest.param(folder_of_a_pipe, "^m: pipe: a pipe or a device", id="pipe in a folder"),
    ],
)
def test_what_cannot_be_read_is_said_by_state_and_fetch_alike(
    tmp_path: Path, make: Callable[[Path], str], message: str
) -> None:
    text = make(tmp_path)

    with pytest.raises(FetchError, match=message) as stated:
        source_state(parse_source(text), root=tmp_path)
    with pytest.raises(FetchError, match=message) as fetched:
        fetch(tmp_path, text)
    assert str(tmp_path) not in f"{stated.value}{fetched.value}"
    assert not fetched.value.retry


@contextlib.contextmanager
def without_permission(path: Path) -> Iterator[None]:
    """Take away the right to read a file or folder, also from a superuser."""
    mode = path.stat().st_mode
    path.chmod(0)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)
        path.chmod(mode)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Make a folder that anyone may enter; those of pytest are the user's own."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.parametrize("locked", ["m", "m/variables"])
def test_a_folder_without_permission_is_said_not_skipped(open_folder: Path, locked: str) -> None:
    write(open_folder, {"m/saved_model.pb": b"graph", "m/variables/x": b"x"})
    source, shown = parse_source("m"), locked.replace("/", ": ")

    with (
        without_permission(open_folder / locked),
        pytest.raises(FetchError, match=f"^{shown}: cannot be read: Permission denied$"),
    ):
        source_state(source, root=open_folder)


@pytest.mark.parametrize("text", ["m/m.h5", "m/model.json", "m/m.zip#m"])
def test_a_file_without_permission_is_said_to_be(open_folder: Path, text: str) -> None:
    name = text.partition("#")[0]
    write(open_folder, {name: b"{}"})
    source = parse_source(text)

    with (
        without_permission(open_folder / "m"),
        pytest.raises(FetchError, match=f"^{name}: cannot be read: Permission denied$"),
    ):
        source_state(source, root=open_folder)
    with (
        without_permission(open_folder / name),
        pytest.raises(FetchError, match=f"^{name}: cannot be read: Permission denied$") as caught,
    ):
        fetch_source(
            source,
            root=open_folder,
            folder=open_folder,
            cache=open_folder,
            sha256=None,
            progress=lambda _done, _total: None,
        )
    assert not caught.value.retry


@pytest.mark.parametrize("text", ["m.h5", "model.json", "m.zip#m"])
def test_a_link_to_nothing_is_said_to_be(tmp_path: Path, text: str) -> None:
    name = text.partition("#")[0]
    (tmp_path / name).symlink_to("gone/file")

    assert source_state(parse_source(text), root=tmp_path) == {}
    with pytest.raises(FetchError, match=f"^{name}: is a link to gone/file, which is not there$"):
        fetch(tmp_path, text)


@pytest.mark.parametrize("name", ["a.bin", "model.json", "other"])
def test_a_link_to_nothing_in_a_model_is_named(tmp_path: Path, name: str) -> None:
    entry = "saved_model.pb" if name == "other" else "model.json"
    write(tmp_path, {f"m/{entry}": model_json("a.bin")})
    (tmp_path / "m" / name).unlink(missing_ok=True)
    (tmp_path / "m" / name).symlink_to("gone")

    with pytest.raises(FetchError, match=f"^m: {name}: is a link to gone, which is not there$"):
        fetch(tmp_path, "m")


def test_state_has_no_shards_outside_the_model(tmp_path: Path) -> None:
    write(tmp_path, {"m/model.json": model_json("../b", "/dev/zero", "a\0"), "b": b"b"})
    state = source_state(parse_source("m/model.json"), root=tmp_path)

    assert state is not None
    assert set(state) == {"model.json"}


def link_out(root: Path) -> str:
    """Make a SavedModel whose variables are a file of this machine; return its path."""
    write(root, {"secret": b"root:x:0:0", "m/saved_model.pb": b"graph", "m/variables/x": b""})
    (root / "m/variables/variables.data").symlink_to(root / "secret")
    return "m"


def link_out_by_steps(root: Path) -> str:
    """Make a SavedModel with a relative link to a link out; return its path."""
    write(root, {"secret": b"root:x:0:0", "m/saved_model.pb": b"graph"})
    (root / "m/a").symlink_to("../secret")
    (root / "m/b").symlink_to("a")
    return "m"


def folder_out(root: Path) -> str:
    """Make a SavedModel with a folder that is the whole machine; return its path."""
    write(root, {"m/saved_model.pb": b"graph"})
    (root / "m/assets").symlink_to("/")
    return "m"


def shard_out(root: Path) -> str:
    """Make a model.json whose shard is a file of this machine; return its path."""
    write(root, {"secret": b"root:x:0:0", "m/model.json": model_json("a.bin")})
    (root / "m/a.bin").symlink_to("../secret")
    return "m/model.json"


def shard_below_a_folder_out(root: Path) -> str:
    """Make a model.json whose shards' folder is elsewhere; return its path."""
    write(root, {"secret/a.bin": b"root:x:0:0", "m/model.json": model_json("s/a.bin")})
    (root / "m/s").symlink_to(root / "secret")
    return "m/model.json"


def shard_above_that_links_to_another_file(root: Path) -> str:
    """Make a model.json with a shard above it, a link to another kind of file; return its path."""
    write(root, {"secret": b"root:x:0:0", "m/model.json": model_json("../w-0123abcd/a.bin")})
    write(root, {"w-0123abcd/x": b""})
    (root / "w-0123abcd/a.bin").symlink_to("../secret")
    return "m/model.json"


def shard_above_that_links_out(root: Path) -> str:
    """Make a model.json with a shard above it, a link that goes up once more; return its path."""
    write(root, {"a.bin": b"root:x:0:0", "z/m/model.json": model_json("../w-0123abcd/a.bin")})
    write(root, {"z/w-0123abcd/x": b""})
    (root / "z/w-0123abcd/a.bin").symlink_to("../../a.bin")
    return "z/m/model.json"


def sibling_of_the_same_beginning(root: Path) -> str:
    """Make a SavedModel with a link to a folder whose name begins as its own; return its path."""
    write(root, {"m-secret/x": b"root:x:0:0", "m/saved_model.pb": b"graph"})
    (root / "m/assets").symlink_to("../m-secret")
    return "m"


@pytest.mark.parametrize(
    "make",
    [
        link_out,
        link_out_by_steps,
        folder_out,
        shard_out,
        shard_below_a_folder_out,
        shard_above_that_links_to_another_file,
        shard_above_that_links_out,
        sibling_of_the_same_beginning,
    ],
)
def test_links_out_of_a_model_are_refused_by_state_and_fetch_alike(
    tmp_path: Path, make: Callable[[Path], str]
) -> None:
    text = make(tmp_path)
    message = rf"^{text.partition('/')[0]}\S*: \S+: a link that leads out of the model's folder$"

    with pytest.raises(UntrustedSourceError, match=message) as stated:
        source_state(parse_source(text), root=tmp_path)
    with pytest.raises(UntrustedSourceError, match=message):
        fetch(tmp_path, text)
    assert stated.value.hint == "copy the model with all that its links lead to: cp -RL"
    assert not names_in(tmp_path / "out") & {"variables/variables.data", "a.bin", "s/a.bin"}


def test_the_source_itself_may_be_a_link_and_its_files_lie_behind_it(tmp_path: Path) -> None:
    write(tmp_path, {"data/model.json": model_json("a.bin"), "data/a.bin": b"a", "m/x": b""})
    (tmp_path / "folder").symlink_to("data")
    (tmp_path / "m/model.json").symlink_to("../data/model.json")
    (tmp_path / "m/a.bin").symlink_to("../data/a.bin")

    for text in ("folder", "folder/model.json", "m/model.json"):
        assert set(source_state(parse_source(text), root=tmp_path) or ()) >= {"a.bin"}
        fetch(tmp_path, text)
        assert names_in(tmp_path / "out") == {"model.json", "a.bin"}
        (tmp_path / "out").rename(tmp_path / f"out of {text.replace('/', '-')}")


@pytest.mark.parametrize("name", [b"latin-\xfc", b"a\x1b[2J", b"two\nlines", "\u202etxt".encode()])
def test_names_that_no_text_holds_are_refused(tmp_path: Path, name: bytes) -> None:
    write(tmp_path, {"m/saved_model.pb": b"graph"})
    Path(os.fsdecode(os.fsencode(tmp_path / "m") + b"/" + name)).touch()

    with pytest.raises(UntrustedSourceError, match=r"^m: has a file '\S+'; expected names") as said:
        source_state(parse_source("m"), root=tmp_path)
    with pytest.raises(UntrustedSourceError, match="expected names that are short"):
        fetch(tmp_path, "m")
    assert said.value.message.isprintable()


def test_a_manifest_of_weights_that_tricks_the_search_takes_no_time(tmp_path: Path) -> None:
    names = (b'"a"' + b" " * 60) * 60
    write(tmp_path, {"m/model.json": b'{"x": {"paths": [' + names + b"}}"})
    started = time.monotonic()

    assert set(source_state(parse_source("m/model.json"), root=tmp_path) or ()) == {"model.json"}
    assert time.monotonic() - started < 1


def test_a_huge_json_is_refused_before_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    with (tmp_path / "m/model.json").open("wb") as file:
        file.truncate(10 * 1024**3)

    assert set(source_state(parse_source("m/model.json"), root=tmp_path) or ()) == {"model.json"}
    with pytest.raises(UntrustedSourceError, match=r"^m/model\.json: JSON of more than 64 MiB"):
        fetch(tmp_path, "m/model.json")


def zipped(files: dict[str, bytes]) -> bytes:
    """Return a zip archive."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return written.getvalue()


def test_a_model_in_the_archive_of_a_task(tmp_path: Path) -> None:
    write(tmp_path, {"hand.task": zipped({"detector.tflite": b"one", "landmarks.tflite": b"two"})})
    fetched = fetch(tmp_path, "hand.task#landmarks.tflite")

    assert (fetched.entry, fetched.uri) == ("landmarks.tflite", "hand.task#landmarks.tflite")
    assert (tmp_path / "out/landmarks.tflite").read_bytes() == b"two"
    assert names_in(tmp_path / "out") == {"landmarks.tflite"}


def test_a_model_in_an_archive_in_an_archive_in_an_archive(tmp_path: Path) -> None:
    hand = zipped({"top/detector.tflite": b"one", "top/m/x.json": b"{}"})
    write(tmp_path, {"all.zip": zipped({"g.task": zipped({"hand.task": hand})})})
    pin = hashlib.sha256((tmp_path / "all.zip").read_bytes()).hexdigest()
    fetched = fetch(tmp_path, "all.zip#g.task#hand.task#detector.tflite", sha256=pin)

    assert fetched.sha256 == hashlib.sha256(b"one").hexdigest()
    assert names_in(tmp_path / "out") == {"detector.tflite"}


def test_an_inner_archive_brings_all_its_files(tmp_path: Path) -> None:
    write(tmp_path, {"all.zip": zipped({"g.task": zipped({"a.tflite": b"a", "b.tflite": b"b"})})})

    assert fetch(tmp_path, "all.zip#g.task").entry == "."
    assert names_in(tmp_path / "out") == {"a.tflite", "b.tflite"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(b"text", "all.zip: g.task: not an archive by its content", id="no archive"),
        pytest.param(zipped({"../a": b""}), "'../a'; expected paths below", id="outside"),
        pytest.param(zipped({"a.tflite": b""})[:-9], "damaged or truncated", id="cut short"),
        pytest.param(zipped({"b.tflite": b"b"}), "no 'a.tflite' in it; did you mean", id="missing"),
    ],
)
def test_an_inner_archive_is_checked_as_any_other(
    tmp_path: Path, content: bytes, message: str
) -> None:
    write(tmp_path, {"all.zip": zipped({"g.task": content})})

    with pytest.raises(FetchError, match=message):
        fetch(tmp_path, "all.zip#g.task#a.tflite")
