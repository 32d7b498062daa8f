"""doit's database as a cache: what it keeps, and what it takes for nothing."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.engine.database import CacheDatabase


def test_what_was_kept_is_there_again(tmp_path: Path) -> None:
    path = tmp_path / ".zoo" / "doit.json"
    database = CacheDatabase(str(path), None)
    database.set("a", "_values_:", {"stamp": 1})
    database.set("b", "ignore:", "1")
    database.remove("b")
    database.dump()
    again = CacheDatabase(str(path), None)

    assert again.get("a", "_values_:") == {"stamp": 1}
    assert (again.in_("a"), again.in_("b"), again.get("b", "ignore:")) == (True, False, None)
    assert [file.name for file in path.parent.iterdir()] == ["doit.json"]
    again.remove_all()
    again.dump()
    assert json.loads(path.read_bytes()) == {}


def test_a_run_that_changed_nothing_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "doit.json"
    path.write_text('{"a": {"_values_:": {}}}')
    before = path.stat().st_mtime_ns
    database = CacheDatabase(str(path), None)
    database.get("a", "_values_:")
    database.remove("none")
    database.dump()

    assert path.stat().st_mtime_ns == before


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"3", b'{"a": {"_valu', b'{"a": "\xff"}', b"[" * 10**6, b'{"a": 3}', None],
)
def test_what_is_odd_is_nothing(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "doit.json"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    database = CacheDatabase(str(path), None)

    assert not database.in_("a")
    assert database.get("a", "_values_:") is None


@pytest.mark.parametrize("kept", [{"_values_:": 3}, {"deps:": {}}, {"checker:": None}, []])
def test_a_task_of_which_odd_things_are_kept_is_forgotten_alone(tmp_path: Path, kept: Any) -> None:
    path = tmp_path / "doit.json"
    path.write_text(json.dumps({"a": kept, "b": {"_values_:": {"stamp": 2}}}))
    database = CacheDatabase(str(path), None)

    assert not database.in_("a")
    assert database.get("b", "_values_:") == {"stamp": 2}


def test_what_cannot_be_written_is_a_fault_and_no_error(tmp_path: Path) -> None:
    (tmp_path / ".zoo").write_text("a file where a folder should be")
    database = CacheDatabase(str(tmp_path / ".zoo" / "doit.json"), None)
    database.set("a", "_values_:", {})
    database.dump()

    assert database.fault is not None
    assert database.fault.message == ".zoo/doit.json: File exists"
