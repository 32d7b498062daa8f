"""Connects to a Dask cluster, or starts one on this machine, and says which workers do not fit."""

import contextlib
import logging
import os
import signal
import tempfile
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import cloudpickle
import dask
from distributed import Client, LocalCluster
from distributed.comm.addressing import get_address_host_port
from distributed.security import Security

from pipeline.cluster import admission
from pipeline.cluster.admission import Admission, find_faults
from pipeline.cluster.cluster import Cluster
from pipeline.cluster.dispatcher import Dispatcher
from pipeline.cluster.worker import probe_key
from pipeline.cluster.worker_versions import own_versions, python_version
from pipeline.disk.versions import installed_version
from pipeline.engine.session import Session
from pipeline.errors import ClusterError
from pipeline.store.open_store import open_store
from pipeline.store.shared_store import SharedStore
from pipeline.text.quantity import count
from pipeline.text.suggest import list_first

LOCAL = "local"
_CONNECT_SECONDS = 30
_SHOWN = 8


def connect(  # noqa: PLR0913  # a cluster: where it is, what it gets, who hears of it
    address: str,
    *,
    root: Path,
    tools: Iterable[str],
    store_options: Mapping[str, Any],
    session: Session,
    tell: Callable[[str], None],
) -> Cluster:
    """Return a cluster whose workers are ready for a run.

    Args:
        address: Of the scheduler: "tcp://host:8786"; its file relative to `root`:
            "scheduler.json"; "local", or "local:4" for so many workers on this machine.
        root: Folder of models.yaml.
        tools: Names of the tools of all steps.
        store_options: Address and options of the store through which results travel, as every
            worker opens it.
        session: The run.
        tell: Shows a sentence to the user.

    Raises:
        ClusterError: The scheduler is not reached, or no worker fits.
    """
    _silence()
    # A store of its own, whose figures are not those of the user's.
    store = open_store(root=root, **store_options)
    local = _start_local(address) if address.partition(":")[0] == LOCAL else None
    client = None
    try:
        client = _open_client(local or address, root)
        _check_python(client)
        run = f"tfjs-zoo-{uuid.uuid4().hex[:12]}"
        _put_probe(store, run)
        known = frozenset(tools)
        plugin = Admission(
            run,
            versions=own_versions(known),
            tools=known,
            browser=installed_version("browser"),
            store=store_options,
        )
        cloudpickle.register_pickle_by_value(admission)
        client.register_plugin(plugin)
        _check_workers(client, run, tell)
    except BaseException:
        if client is not None:
            client.close()
        if local is not None:
            local.close()
        raise
    dispatcher = Dispatcher(client, local=local, admission=plugin)
    return Cluster(run, dispatcher=dispatcher, store=store, session=session)


def _put_probe(store: SharedStore, run: str) -> None:
    """Put a file into the store for the workers to find.

    Raises:
        ClusterError: The store does not take it.
    """
    with tempfile.TemporaryDirectory() as name:
        Path(name, "run").write_text(run, encoding="utf-8")
        if not store.put(probe_key(run), Path(name)):
            reason = "; ".join(store.take_notices()) or "it is read-only"
            raise ClusterError(f"results cannot travel through the store: {reason}")


def _check_python(client: Client) -> None:
    """Refuse workers of another Python before any code travels to them.

    Raises:
        ClusterError: "tcp://…: Python is 3.12, not 3.11".
    """
    workers = client.get_versions()["workers"]
    others = []
    for address, found in sorted(workers.items()):
        theirs = ".".join(map(str, found["host"]["python"].split(".")[:2]))
        if theirs != python_version():
            others.append(f"{address}: Python is {theirs}, not {python_version()}")
    if others:
        raise ClusterError(
            f"workers do not fit:\n{list_first(others, _SHOWN, separator=chr(10))}",
            hint="let all workers run in one image or environment, the one of this machine",
        )


def _check_workers(client: Client, run: str, tell: Callable[[str], None]) -> None:
    """Tell which workers are left out, and why.

    Raises:
        ClusterError: There are workers, and none fits.
    """
    answers = client.run(find_faults, run)
    misfits = [f"{where}: {'; '.join(faults)}" for where, faults in answers.items() if faults]
    listed = list_first(misfits, _SHOWN, separator="\n")
    if misfits and len(misfits) == len(answers):
        raise ClusterError(
            f"no worker of {client.scheduler.address} fits:\n{listed}",
            hint="let all workers run in one image or environment, the one of this machine",
        )
    if misfits:
        tell(f"{count(len(misfits), 'worker')} left out, because they do not fit:\n{listed}")
    if not answers:
        tell(f"{client.scheduler.address} has no worker yet: steps wait for one")


def _open_client(where: LocalCluster | str, root: Path) -> Client:
    options: dict[str, Any] = {"timeout": _CONNECT_SECONDS, "set_as_default": False}
    if isinstance(where, str) and "://" not in where:
        file = root / where
        if not file.is_file():
            raise ClusterError(
                f"cluster {where}: no such file; expected tcp://host:8786, the scheduler's file, "
                "or local"
            )
        options["scheduler_file"] = str(file)
    else:
        _check_address(where)
        options["address"] = where
    try:
        return Client(**options)
    except (OSError, ValueError, TypeError) as error:
        shown = where if isinstance(where, str) else LOCAL
        raise ClusterError(
            f"cluster {shown}: its scheduler is not reached ({type(error).__name__})",
            hint="start it: `dask scheduler`; docs/cluster.md has the ways",
        ) from None


def _check_address(where: LocalCluster | str) -> None:
    """Refuse an address that Dask's client would refuse, which then waits a minute for its own end.

    Raises:
        ClusterError: "cluster tcp://node1: missing port number in address 'node1'; expected …".
    """
    if not isinstance(where, str):
        return
    try:
        get_address_host_port(where)
        security = Security().get_connection_args("client")
    except (OSError, ValueError, NotImplementedError) as error:
        raise ClusterError(f"cluster {where}: {error}; expected tcp://host:8786") from None
    if where.startswith("tls://") and security["ssl_context"] is None:
        raise ClusterError(
            f"cluster {where}: no certificate of this machine is configured",
            hint="`distributed: {comm: {tls: …}}` in Dask's configuration names them: "
            "https://distributed.dask.org/en/stable/tls.html",
        )


def _start_local(address: str) -> LocalCluster:
    """Start workers on this machine: "local:4" starts four, of one thread each."""
    number = address.partition(":")[2]
    if number and not (number.isdecimal() and int(number)):
        raise ClusterError(f"cluster {address}: expected local, or local:4 for four workers")
    options: dict[str, Any] = {"dashboard_address": None, "host": "127.0.0.1"}
    if number:
        options |= {"n_workers": int(number), "threads_per_worker": 1}
    # Its processes read this when they start.
    os.environ["DASK_LOGGING__DISTRIBUTED"] = "critical"
    with _ignored_by_children():
        return LocalCluster(**options)


@contextlib.contextmanager
def _ignored_by_children() -> Iterator[None]:
    """Let processes that start meanwhile ignore Ctrl-C: this process ends them."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _silence() -> None:
    """Keep Dask's log off the terminal; our own messages say what it means for the run."""
    dask.config.set({"logging.distributed": "critical"})
    for name in ("distributed", *logging.root.manager.loggerDict):
        if name.partition(".")[0] == "distributed":
            logging.getLogger(name).setLevel(logging.CRITICAL)
