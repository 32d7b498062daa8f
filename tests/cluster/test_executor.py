"""Futures of the cluster's executor: each has an end, whatever happens to the scheduler."""

import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from functools import partial

import pytest

pytest.importorskip("distributed")

from distributed import Client, LocalCluster
from distributed import Future as DaskFuture

from pipeline.cluster import executor as executor_module
from pipeline.cluster.executor import DaskExecutor, _settle


class Lost:
    """A future of Dask's whose result cannot be fetched."""

    status = "finished"

    def __init__(self, error: Exception) -> None:
        self._error = error

    def result(self) -> object:
        """Fail as Dask does."""
        raise self._error

    def add_done_callback(self, call: Callable[[object], None]) -> None:
        """Call in the thread in which Dask calls back for all clients."""
        if DaskFuture._cb_executor is None:
            test_results_and_exceptions_arrive()
        assert DaskFuture._cb_executor is not None
        DaskFuture._cb_executor.submit(call, self)


def test_results_and_exceptions_arrive() -> None:
    options = {"processes": False, "n_workers": 1, "dashboard_address": None}
    with LocalCluster(**options) as cluster, Client(cluster, set_as_default=False) as client:
        executor = DaskExecutor(client)
        made = executor.submit(divmod, 7, 2)
        failed = executor.submit(divmod, 7, 0)

        assert made.result(timeout=20) == (3, 1)
        assert isinstance(failed.exception(timeout=20), ZeroDivisionError)


def test_a_result_that_never_comes_keeps_no_other_from_its_end() -> None:
    release = threading.Event()

    class Late(Lost):
        def result(self) -> object:
            release.wait(60)
            return super().result()

    never: Future[object] = Future()
    Late(OSError("closed")).add_done_callback(partial(executor_module._settle_aside, never))
    test_results_and_exceptions_arrive()
    assert not never.done()
    release.set()

    assert isinstance(never.exception(timeout=20), CancelledError)


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        pytest.param(OSError("closed"), "finished", CancelledError, id="on the way"),
        pytest.param(RuntimeError("lost"), "cancelled", CancelledError, id="cancelled"),
        pytest.param(RuntimeError("a bug"), "error", RuntimeError, id="an exception"),
    ],
)
def test_a_lost_result_ends_its_future(
    error: Exception, status: str, kind: type[Exception]
) -> None:
    future: Future[object] = Future()
    lost = Lost(error)
    lost.status = status
    _settle(future, lost)

    assert isinstance(future.exception(timeout=0), kind)
