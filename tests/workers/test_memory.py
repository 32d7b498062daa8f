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


@pytest.mark.parametrize("listed", sorted({memory._LISTS_CHILDREN, False}))
def test_the_memory_of_a_tree_counts_children(
    listed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "_LISTS_CHILDREN", listed)
    alone = memory.tree_memory(os.getpid())
    code = "block = b'x' * (100 << 20); print(flush=True); input()"
    outer = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1]])"
    with subprocess.Popen(
        [sys.executable, "-c", outer, code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()

        assert memory.tree_memory(os.getpid()) - alone > 100 << 20
        grandchild = set(memory.tree_pids(child.pid)) - {child.pid}
        assert {child.pid, *grandchild} <= set(memory.tree_pids(os.getpid()))
        child.communicate(b"\n")


def test_a_process_that_is_gone_uses_nothing() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        child.wait()

    assert memory.tree_memory(child.pid) == 0
