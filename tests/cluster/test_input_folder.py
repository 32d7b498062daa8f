"""The results that a worker keeps: fetched once, whole, in bounded room, kept while in use."""

from dataclasses import replace
from pathlib import Path

import pytest
import step_functions
from step_functions import Build

pytest.importorskip("distributed")

from pipeline.cluster import worker
from pipeline.cluster.errand import Input
from pipeline.cluster.input_folder import InputFolder, MissingInputsError
from pipeline.engine.receipt import Ingredients, load_receipt
from pipeline.engine.shared_results import result_key
from pipeline.store.open_store import open_store
from pipeline.store.shared_store import SharedStore


@pytest.fixture
def store(tmp_path: Path) -> SharedStore:
    """Return an empty store."""
    return open_store("store", root=tmp_path)


def _make(tmp_path: Path, store: SharedStore | None, text: str) -> Input:
    """Return a result, which the store has."""
    build = Build(tmp_path / "zoo")
    build.session.store = store
    job = build.job("one", text=text, shared=True)
    outcome = build.run(job)
    receipt = load_receipt(job.folder)
    assert receipt is not None
    named = {name: getattr(receipt, name) for name in Ingredients.model_fields}
    key = result_key(Ingredients(**named))
    return Input(task="one:m", key=key, tools=receipt.tools, outcome=outcome, bytes=9)


def test_a_result_is_fetched_once(tmp_path: Path, store: SharedStore) -> None:
    given = _make(tmp_path, store, "hello")
    inputs = InputFolder(tmp_path / "inputs", limit_bytes=10**6)
    for _ in range(2):
        with inputs.hold({"one": given}, store) as folders:
            assert (folders["one"] / "out.txt").read_text() == "hello"

    assert store.num_fetched == 1


def test_a_worker_that_rests_keeps_only_results_in_use(
    tmp_path: Path, store: SharedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "_IDLE_SECONDS", 0.0)
    given = _make(tmp_path, store, "hello")
    run = worker.RunOnWorker("w", tmp_path / "run", store)
    with run._inputs.hold({"one": given}, store) as folders:
        run.rest()
        assert (folders["one"] / "out.txt").exists()
    assert folders["one"].exists()
    run.rest()

    assert not folders["one"].exists()
    with run._inputs.hold({"one": given}, store) as folders:
        assert (folders["one"] / "out.txt").read_text() == "hello"
    run.close()


def test_a_missing_result_is_named(tmp_path: Path, store: SharedStore) -> None:
    given = _make(tmp_path, None, "hello")
    inputs = InputFolder(tmp_path / "inputs", limit_bytes=10**6)

    with pytest.raises(MissingInputsError) as caught, inputs.hold({"one": given}, store):
        pass
    assert caught.value.keys == ("one",)


def test_a_result_of_the_same_key_with_other_files_is_none(
    tmp_path: Path, store: SharedStore
) -> None:
    given = _make(tmp_path, store, "hello")
    other = given.outcome.model_copy(update={"outputs": {"out.txt": "0" * 64}})
    inputs = InputFolder(tmp_path / "inputs", limit_bytes=10**6)
    changed = replace(given, outcome=other)

    with pytest.raises(MissingInputsError), inputs.hold({"one": changed}, store):
        pass
    assert list((tmp_path / "inputs").iterdir()) == []


def test_results_out_of_use_give_way_the_oldest_first(tmp_path: Path, store: SharedStore) -> None:
    given = {text: _make(tmp_path, store, text) for text in ("a", "b", "c")}
    inputs = InputFolder(tmp_path / "inputs", limit_bytes=1)
    with inputs.hold({"a": given["a"]}, store) as first:
        with inputs.hold({"b": given["b"]}, store) as second:
            pass
        kept_in_use = first["a"].exists()
        gone = second["b"].exists()

    assert kept_in_use
    assert not gone
    assert not first["a"].exists()


def test_a_result_that_lost_its_receipt_is_fetched_again(
    tmp_path: Path, store: SharedStore
) -> None:
    given = _make(tmp_path, store, "hello")
    inputs = InputFolder(tmp_path / "inputs", limit_bytes=10**6)
    with inputs.hold({"one": given}, store) as folders:
        (folders["one"] / "out.txt").write_text("damage")
        (folders["one"] / "receipt.json").unlink()
    with inputs.hold({"one": given}, store) as folders:
        assert (folders["one"] / "out.txt").read_text() == "hello"


def test_a_result_made_here_needs_no_fetch(tmp_path: Path, store: SharedStore) -> None:
    given = _make(tmp_path, store, "hello")
    inputs = InputFolder(tmp_path / "inputs", limit_bytes=10**6)
    inputs.add(given, tmp_path / "zoo/build/one")
    with inputs.hold({"one": given}, store) as folders:
        assert (folders["one"] / "out.txt").read_text() == "hello"

    assert store.num_fetched == 0
    assert step_functions.calls
