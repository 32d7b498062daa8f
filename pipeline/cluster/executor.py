"""An executor of the shape of `concurrent.futures.Executor`, whose tasks run on a Dask cluster.

Dask's own, `Client.get_executor`, leaves a future without an end if the scheduler dies while its
result is on the way (distributed 2026.8, `cfexecutor._cascade_future`).
"""

import threading
import weakref
from collections.abc import Callable
from concurrent.futures import CancelledError, Executor, Future
from functools import partial
from typing import Any, TypeVar

from distributed import Client
from distributed import Future as DaskFuture

T = TypeVar("T")


class DaskExecutor(Executor):
    """Runs functions on the workers of a cluster.

    Args:
        client: The connection to its scheduler.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._waiting: weakref.WeakSet[DaskFuture] = weakref.WeakSet()

    def submit(self, function: Callable[..., T], /, *arguments: Any, **options: Any) -> "Future[T]":
        """Submit a call.

        Args:
            function: A function of a module that the workers have.
            arguments: Its arguments.
            options: Options of Dask's `Client.submit`: `key`, `resources`.

        Returns:
            A future that always ends; with CancelledError if the call or the scheduler is lost.
        """
        theirs = self._client.submit(function, *arguments, pure=False, **options)
        self._waiting.add(theirs)
        ours: Future[T] = Future()
        ours.set_running_or_notify_cancel()
        theirs.add_done_callback(partial(_settle_aside, ours))
        return ours

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002  # as the base has it
        """Cancel the calls that have not ended; it does not wait for them."""
        self._client.cancel(list(self._waiting))


def _settle_aside(ours: "Future[T]", theirs: DaskFuture) -> None:
    """Settle a future in a thread of its own.

    Dask calls back in one thread for all clients of a process: a result that never comes, because
    its client was closed meanwhile, would keep all others from their ends.
    """
    threading.Thread(target=_settle, args=(ours, theirs), name="settle", daemon=True).start()


def _settle(ours: "Future[T]", theirs: DaskFuture) -> None:
    """Give a future of Dask's end to ours; this fetches the result."""
    try:
        result = theirs.result()
    except OSError:  # the scheduler died meanwhile
        ours.set_exception(CancelledError())
    except BaseException as error:  # noqa: BLE001  # the waiting thread gets it
        lost = theirs.status == "cancelled"
        ours.set_exception(CancelledError() if lost else error)
    else:
        ours.set_result(result)
