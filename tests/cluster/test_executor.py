"""Futures of the cluster's executor: each has an end, whatever happens to the scheduler."""

from concurrent.futures import CancelledError, Future

import pytest

pytest.importorskip("distributed")

from distributed import Client, LocalCluster

from pipeline.cluster.executor import DaskExecutor, _settle


class Lost:
    """A future of Dask's whose result cannot be fetched."""

    status = "finished"

    def __init__(self, error: Exception) -> None:
        self._error = error

    def result(self) -> object:
        """Fail as Dask does."""
        raise self._error


def test_results_and_exceptions_arrive() -> None:
    options = {"processes": False, "n_workers": 1, "dashboard_address": None}
    with LocalCluster(**options) as cluster, Client(cluster, set_as_default=False) as client:
        executor = DaskExecutor(client)
        made = executor.submit(divmod, 7, 2)
        failed = executor.submit(divmod, 7, 0)

        assert made.result(timeout=20) == (3, 1)
        assert isinstance(failed.exception(timeout=20), ZeroDivisionError)


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
