"""The choice of a cluster: an option or models.yaml; and the connection to it."""

import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.commands.store_options import find_store, is_read_only
from pipeline.engine.job import Job
from pipeline.engine.quick_check import UpToDate
from pipeline.errors import ClusterError
from pipeline.report.terminal import write_text
from pipeline.steps.graph import Graph
from pipeline.steps.table import STEPS

if TYPE_CHECKING:
    from pipeline.cluster.cluster import Cluster

NO_CLUSTER = "none"
_LOCAL = "local"
_STORE_OF_LOCAL = "cluster-store"
# Steps that wait for their inputs, or for results, use no thread of a worker.
_STEPS_PER_SLOT = 2
# So many steps wait while a cluster starts its workers.
_LEAST_STEPS = 32

OPTION_CLUSTER = {
    "name": "cluster",
    "short": "",
    "long": "cluster",
    "type": str,
    "default": "",
    "help": "run steps on the workers of a Dask cluster: tcp://scheduler:8786, the scheduler's "
    f"file, or `{_LOCAL}` to start workers here; `{NO_CLUSTER}` for none [default: zoo: cluster: "
    "in models.yaml]",
}


def choose_cluster(graph: Graph, params: Mapping[str, Any]) -> str | None:
    """Return the address of the cluster to use; None without one."""
    address: str = params["cluster"] or graph.zoo.cluster or NO_CLUSTER
    return None if address == NO_CLUSTER else address


def has_work(jobs: Iterable[Job], database: Any) -> bool:
    """Return whether a step is out of date, so that a run needs its cluster.

    Args:
        jobs: The steps.
        database: doit's database, with the stamp of each task that was up to date.
    """
    return not all(UpToDate(job)(job.task, database.get_values(job.task)) for job in jobs)


def join_cluster(graph: Graph, address: str, params: Mapping[str, Any]) -> "Cluster":
    """Let the session's steps run on a cluster.

    Args:
        graph: The zoo.
        address: The address of the cluster.
        params: Values of the command's options.

    Raises:
        ClusterError: It is not reached, no worker fits, or there is no store.
    """
    try:
        from pipeline.cluster.connect import connect
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in {"dask", "distributed", "cloudpickle"}:
            raise
        hint = "pip install 'tfjs-zoo[dask]', here and on all workers"
        raise ClusterError(f"cluster {address}: needs Dask", hint=hint) from None
    options = _find_store(graph, params["store"])
    read_only = params["store_read_only"] or is_read_only(graph, os.environ)
    if options is not None and read_only:
        raise ClusterError(f"cluster {address}: results travel through the store, here read-only")
    if options is None and address.partition(":")[0] == _LOCAL:
        options = {"address": str(graph.layout.temporary / _STORE_OF_LOCAL)}
    if options is None:
        raise ClusterError(
            f"cluster {address}: results travel through a store, and there is none",
            hint="`store: s3://bucket/zoo` below `zoo:`, or a folder that all workers share",
        )
    cluster = connect(
        address,
        root=graph.layout.root,
        tools={tool for step in STEPS for tool in step.tools},
        store_options=options,
        session=graph.session,
        tell=lambda text: write_text(sys.stderr, f"{text}\n"),
    )
    graph.session.elsewhere = cluster
    return cluster


def _find_store(graph: Graph, option: str) -> dict[str, Any] | None:
    """Return the arguments with which every machine opens the store; None without a store."""
    found = find_store(graph, option, os.environ)
    if found is None:
        return None
    address, root = found["address"], found["root"]
    if "://" not in address:
        address = str((root / Path(address).expanduser()).resolve())
    return {"address": address, "endpoint": found["endpoint"]}


def choose_parallel(cluster: "Cluster") -> int:
    """Return how many steps to have under way at a time on a cluster."""
    return max(_LEAST_STEPS, _STEPS_PER_SLOT * cluster.num_slots) + (os.cpu_count() or 1)
