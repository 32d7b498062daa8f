"""Uploads in the background: all are through at the end, few wait, and a signal drops the rest."""

import threading
from pathlib import Path
from typing import Any

from pipeline.engine.receipt import Receipt
from pipeline.engine.uploads import MAX_WAITING, NUM_THREADS, Uploads
from pipeline.store.open_store import open_store


class Slow:
    """A store whose calls wait for a signal."""

    def __init__(self) -> None:
        self.answer = threading.Event()
        self.called = threading.Semaphore(0)

    def put(self, _key: str, _folder: Path, **_tools: Any) -> bool:
        """Wait."""
        self.called.release()
        self.answer.wait()
        return True


def receipt(number: int) -> Receipt:
    """Return the receipt of a step without outputs."""
    return Receipt(step="convert", version=1, parameters={"n": number}, inputs={}, tools={})


def test_all_results_are_there_when_the_wait_ends(tmp_path: Path) -> None:
    store = open_store("store", root=tmp_path)
    uploads, told = Uploads(store), []
    for number in range(20):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "a.txt").write_text(str(number))
        uploads.add(receipt(number), folder)
    uploads.finish(lambda done, total: told.append((done, total)))
    uploads.close()

    assert (store.num_put, uploads.num_left, uploads.faults) == (20, 0, [])
    assert len(list((tmp_path / "store/v1/results").rglob("*.json"))) == 20
    assert all(total == 20 and done < 20 for done, total in told)


def test_a_step_waits_while_too_many_results_are_behind(tmp_path: Path) -> None:
    store = Slow()
    uploads = Uploads(store)  # type: ignore[arg-type]
    room = MAX_WAITING + NUM_THREADS

    def add() -> None:
        for number in range(room + 1):
            uploads.add(receipt(number), tmp_path)

    adding = threading.Thread(target=add)
    adding.start()
    for _ in range(NUM_THREADS):
        store.called.acquire()
    adding.join(1.0)

    assert adding.is_alive()
    assert uploads.num_left == room + 1
    store.answer.set()
    adding.join()
    uploads.finish(lambda _done, _total: None)
    assert uploads.num_left == 0
    uploads.close()


def test_a_closed_queue_keeps_nobody_waiting(tmp_path: Path) -> None:
    store = Slow()
    uploads = Uploads(store)  # type: ignore[arg-type]
    for number in range(10):
        uploads.add(receipt(number), tmp_path)
    waiting = threading.Thread(target=lambda: uploads.finish(lambda _done, _total: None))
    waiting.start()
    uploads.close()
    waiting.join(10)
    uploads.add(receipt(11), tmp_path)

    assert not waiting.is_alive()
    assert uploads.num_left > 0
    store.answer.set()
