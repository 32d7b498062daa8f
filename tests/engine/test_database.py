"""doit's database as a cache: what it keeps, and what it takes for nothing."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.engine.database import HEAD, CacheDatabase, read_ahead


def line(tasks: bytes) -> bytes:
    """Return a file with the tasks of the zoo."""
    return HEAD + b"\n\tnull\t" + tasks + b"\n"


def test_what_was_kept_is_there_again(tmp_path: Path) -> None:
    path = tmp_path / ".zoo" / "doit.db"
    database = CacheDatabase(str(path), None)
    database.set("a", "_values_:", {"stamp": 1})
    database.set("b", "ignore:", "1")
    database.remove("b")
    database.dump()
    again = CacheDatabase(str(path), None)

    assert again.get("a", "_values_:") == {"stamp": 1}
    assert (again.in_("a"), again.in_("b"), again.get("b", "ignore:")) == (True, False, None)
    assert [file.name for file in path.parent.iterdir()] == ["doit.db"]
    again.remove_all()
    again.dump()
    assert path.read_bytes() == HEAD + b"\n"


def test_a_run_that_changed_nothing_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "doit.db"
    path.write_bytes(line(b'{"a": {"_values_:": {}}}'))
    before = path.stat().st_mtime_ns
    database = CacheDatabase(str(path), None)
    database.get("a", "_values_:")
    database.set("a", "_values_:", {})
    database.set("a", "result:", {"stamp": 1})
    database.remove("none")
    database.keep([])
    database.dump()

    assert path.stat().st_mtime_ns == before


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b'{"a": {"_values_:": {}}}',
        HEAD,
        HEAD + b"\n\tnull\n",
        HEAD + b"\n\xff\tnull\t{}\n",
        line(b'{"a": {"_valu'),
        line(b'{"a": "\xff"}'),
        line(b"[" * 10**6),
        line(b'{"a": 3}'),
        line(b'{"a": {"_values_:": {"stamp": 1}}}')[:-1],
        None,
    ],
)
def test_what_is_odd_is_nothing(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "doit.db"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    database = CacheDatabase(str(path), None)

    assert not database.in_("a")
    assert database.get("a", "_values_:") is None


@pytest.mark.parametrize("kept", [{"_values_:": 3}, {"deps:": {}}, {"checker:": None}, []])
def test_a_task_of_which_odd_things_are_kept_is_forgotten_alone(tmp_path: Path, kept: Any) -> None:
    path = tmp_path / "doit.db"
    path.write_bytes(line(json.dumps({"a": kept, "b": {"_values_:": {"stamp": 2}}}).encode()))
    database = CacheDatabase(str(path), None)

    assert not database.in_("a")
    assert database.get("b", "_values_:") == {"stamp": 2}


def test_the_lines_of_models_that_a_run_did_not_touch_stay_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "doit.db"
    odd = b'm\t{"seal": 1}\t{  "fetch:m":{"_values_:":{}}}'
    path.write_bytes(HEAD + b"\n" + odd + b'\nn\t{"seal": 2}\t{"fetch:n":{"_values_:":{}}}\n')
    database = CacheDatabase(str(path), None)
    assert (database.seal("m"), database.seal("n"), database.seal("o")) == (
        {"seal": 1},
        {"seal": 2},
        None,
    )
    database.set("fetch:n", "_values_:", {"stamp": 3})
    database.dump()

    assert path.read_bytes().split(b"\n")[1:-1] == [
        odd,
        b'n\tnull\t{"fetch:n":{"_values_:":{"stamp":3}}}',
    ]


def test_any_change_of_a_task_breaks_the_seal_of_its_model_alone(tmp_path: Path) -> None:
    database = CacheDatabase(str(tmp_path / "doit.db"), None)
    for model in ("m", "n"):
        database.set(f"fetch:{model}", "_values_:", {"stamp": 1})
        database.set(f"variant:{model}:uint8", "_values_:", {"stamp": 1})
        database.set_seal(model, {"files": {}})
    database.set("fetch:m", "_values_:", {"stamp": 1})
    assert database.seal("m") == {"files": {}}
    changes: tuple[Callable[[], None], ...] = (
        lambda: database.set("variant:m:uint8", "ignore:", "1"),
        lambda: database.remove("variant:m:uint8"),
        lambda: database.set("fetch:m", "_values_:", {"stamp": 2}),
    )
    for change in changes:
        database.set_seal("m", {"files": {}})
        change()
        assert database.seal("m") is None
        assert database.seal("n") == {"files": {}}


def test_a_model_that_left_the_manifest_is_forgotten(tmp_path: Path) -> None:
    database = CacheDatabase(str(tmp_path / "doit.db"), None)
    for task in ("fetch:m", "fetch:n", "catalog"):
        database.set(task, "_values_:", {"stamp": 1})
    database.before_dump = lambda: database.keep(["n"])
    database.dump()
    again = read_ahead(tmp_path / "doit.db")

    assert [again.in_(task) for task in ("fetch:m", "fetch:n", "catalog")] == [False, True, True]


def test_a_file_that_was_read_ahead_is_not_read_again(tmp_path: Path) -> None:
    path = tmp_path / "doit.db"
    path.write_bytes(line(b'{"a":{"_values_:":{"stamp":1}}}'))
    read_ahead(path)
    path.unlink()

    assert CacheDatabase(str(path), None).in_("a")
    assert not CacheDatabase(str(path), None).in_("a")


def test_what_cannot_be_written_is_a_fault_and_no_error(tmp_path: Path) -> None:
    (tmp_path / ".zoo").write_text("a file where a folder should be")
    database = CacheDatabase(str(tmp_path / ".zoo" / "doit.db"), None)
    database.set("a", "_values_:", {})
    database.dump()

    assert database.fault is not None
    assert database.fault.message == ".zoo/doit.db: File exists"
