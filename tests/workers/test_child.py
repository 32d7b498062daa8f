"""The child's side of a job: it lives as long as its parent."""

import signal
import subprocess
import sys

# The thread that watches is late, as on a busy machine.
_PROGRAM = """
import select, socket, time
from pipeline.workers.child import die_with

poll = select.poll

def begin_late():
    time.sleep(0.2)
    return poll()

select.poll = begin_late
ours, theirs = socket.socketpair()
die_with(theirs.fileno())
theirs.close()
time.sleep(0.5)
print("lives", flush=True)
ours.close()
time.sleep(60)
"""


def test_a_process_dies_with_its_parent_and_not_when_it_closes_its_own_end() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM],
        stdout=subprocess.PIPE,
        start_new_session=True,
        timeout=30,
        check=False,
        text=True,
    )

    assert done.stdout == "lives\n"
    assert done.returncode == -signal.SIGKILL
