"""What memory there is and what is used."""

import os
import subprocess
import sys

import psutil
import pytest

from pipeline.workers import memory


def test_available_memory_is_within_the_machine() -> None:
    assert 0 < memory.available_memory() <= psutil.virtual_memory().total


def test_a_control_groups_limit_counts_without_droppable_cache(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("group")
    (folder / "memory.max").write_text("1000\n")
    (folder / "memory.current").write_text("700\n")
    (folder / "memory.stat").write_text("anon 100\ninactive_file 200\n")
    unlimited = tmp_path_factory.mktemp("root")
    (unlimited / "memory.max").write_text("max\n")

    assert memory._group_free_v2([folder, unlimited, folder / "absent"]) == 500
    assert memory._group_free_v2([unlimited]) is None


def test_the_memory_of_a_tree_counts_children() -> None:
    alone = memory.tree_memory(os.getpid())
    code = "block = b'x' * (100 << 20); print(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()

        assert memory.tree_memory(os.getpid()) - alone > 100 << 20
        assert child.pid in memory.tree_pids(os.getpid())
        child.kill()


def test_a_process_that_is_gone_uses_nothing() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        child.wait()

    assert memory.tree_memory(child.pid) == 0
