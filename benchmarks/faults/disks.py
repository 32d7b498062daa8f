"""Disks: builds whose disk is full, read-only, or fails at the n-th call; then builds that mend.

    python benchmarks/faults/disks.py [--count N] [--seed S] [--seconds MAX]

A fault is a small disk in memory (too few bytes or inodes), a disk that becomes read-only at a
random moment, or an error that strace injects into the n-th call of a kind, in doit and all that
it starts. After each fault the zoo is built again without one, and compared with a zoo that was
never disturbed. It takes Linux, root for the disks, and strace for the calls; what this machine
lacks is left out and said. The last result stands in README.md.
"""

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent / "tests" / "helpers"))

from ground import Ground, Reader, Running, adopt_orphans, survivors
from zoos import reproducible_files

_ROOMY = "size=500m,nr_inodes=100000"
_FIRST_CALLS = 150
_START_SECONDS = 20
CALLS: dict[str, tuple[str, ...]] = {
    "openat": ("EIO", "EMFILE", "ENFILE", "ENOSPC", "EROFS", "EACCES"),
    "read": ("EIO",),
    "write": ("EIO", "ENOSPC", "EDQUOT"),
    "fsync": ("EIO", "ENOSPC"),
    "close": ("EIO",),
    "rename,renameat,renameat2": ("EIO", "ENOSPC", "EROFS"),
    "mkdir,mkdirat": ("EIO", "ENOSPC", "EROFS"),
    "unlink,unlinkat,rmdir": ("EIO", "EROFS"),
    "link,linkat": ("EIO", "EMLINK", "EPERM", "EXDEV"),
    "getdents64": ("EIO",),
    "newfstatat": ("EIO",),
    "copy_file_range,sendfile": ("EIO", "ENOSPC"),
    "ftruncate,utimensat,fchmod,chmod": ("EIO", "EPERM"),
}


@dataclass
class Score:
    """What the faults did.

    Attributes:
        faulty: How many builds met a fault, by its kind.
        injected: How many calls failed by injection.
        codes: How often a build with a fault ended with each exit code.
        faults: What was half visible, not mended, left behind, or told as no sentence.
    """

    faulty: Counter[str] = field(default_factory=Counter)
    injected: int = 0
    codes: Counter[int] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


def lacks_disks() -> str | None:
    """Return why no disk can be mounted here, None where it can."""
    with tempfile.TemporaryDirectory() as folder:
        if _mount(Path(folder), _ROOMY).returncode:
            return "this machine mounts no disk in memory (it takes root): small disks are left out"
        subprocess.run(["umount", folder], check=True)
    return None


def lacks_strace() -> str | None:
    """Return why no call can be made to fail here, None where it can."""
    if shutil.which("strace") is None:
        return "no strace on this machine (apt-get install strace): failing calls are left out"
    tried = subprocess.run(["strace", "-o", os.devnull, "true"], capture_output=True, check=False)
    return f"strace may not trace here: {tried.stderr.decode()}" if tried.returncode else None


def _mount(folder: Path, options: str) -> "subprocess.CompletedProcess[bytes]":
    command = ["mount", "-t", "tmpfs", "-o", options, "zoo", str(folder)]
    return subprocess.run(command, capture_output=True, check=False)


class Campaign:
    """One zoo on a disk of its own, built with faults again and again."""

    def __init__(self, disk: Path, *, seed: int) -> None:
        self.disk = disk
        self.random = random.Random(seed)  # noqa: S311  # not for secrets
        self.score = Score()
        self.zoo = Ground(disk / "zoo", tensorflow=False)
        first = self.zoo.begin()
        if first.end() != 0:
            raise SystemExit(f"the zoo cannot be built undisturbed:\n{first.stderr}")
        self.whole = reproducible_files(self.zoo.dist)
        self.size_bytes = _used_bytes(disk)

    def run(self, ways: list[Callable[[], Running]], *, count: int, seconds: float) -> Score:
        """Disturb so many builds."""
        over = time.monotonic() + seconds
        while self.score.faulty.total() < count and time.monotonic() < over:
            way = self.random.choice(ways)
            if self.random.random() < 0.7:  # noqa: PLR2004  # else it goes on from a whole zoo
                self.zoo.forget()
            else:
                shutil.rmtree(self.zoo.dist, ignore_errors=True)
            with Reader(self.zoo.dist) as reader:
                running = way()
                self._judge(running)
                self._mend()
            self.score.faults += [f"half visible: {fault}" for fault in reader.faults]
        return self.score

    def fill(self) -> Running:
        """Build on a disk with too few bytes or inodes."""
        left = self.random.random() ** 2
        used = _used_bytes(self.disk)
        options = f"size={int(used + left * self.size_bytes) // 1024 + 8}k"
        if self.random.random() < 0.3:  # noqa: PLR2004  # three in ten
            options = f"size=500m,nr_inodes={_used_inodes(self.disk) + self.random.randint(1, 250)}"
        self.what = f"full {options}"
        self.score.faulty["full disk"] += 1
        _mount(self.disk, f"remount,{options}")
        running = self.zoo.begin()
        running.end()
        return running

    def seal(self) -> Running:
        """Make the disk read-only while the build is at work."""
        self.what = "read-only"
        self.score.faulty["read-only disk"] += 1
        running = self.zoo.begin()
        time.sleep(self.random.random() * 6)
        over = time.monotonic() + 3
        # A disk with a file open for writing refuses; there is a moment without one, mostly.
        while _mount(self.disk, "remount,ro").returncode and time.monotonic() < over:
            pass
        running.end()
        return running

    def inject(self) -> Running:
        """Let the n-th call of a kind fail, from the first step on."""
        calls = self.random.choice(list(CALLS))
        error = self.random.choice(CALLS[calls])
        number = int(self.random.random() ** 2 * _FIRST_CALLS) + 1
        self.what = f"{error} at call {number} of {calls}"
        log = self.disk.parent / "strace.log"
        log.unlink(missing_ok=True)
        # The lock of an earlier build would let calls fail in Python's own start.
        lock = self.zoo.folder / ".zoo/lock"
        lock.unlink(missing_ok=True)
        running = self.zoo.begin()
        over = time.monotonic() + _START_SECONDS
        while not lock.exists() and time.monotonic() < over:
            time.sleep(0.02)
        command = ["strace", "-f", "-q", "-o", str(log), "-e", f"trace={calls}"]
        command += ["-e", f"inject={calls}:error={error}:when={number}"]
        with subprocess.Popen([*command, "-p", str(running.process.pid)]) as strace:
            running.end()
            strace.terminate()
        injected = log.read_text(errors="replace").count("(INJECTED)") if log.exists() else 0
        self.score.injected += injected
        if injected:
            self.score.faulty[error] += 1
        return running

    def _judge(self, running: Running) -> None:
        code = running.process.returncode
        self.score.codes[code] += 1
        if code not in {0, 1, 3}:
            self.score.faults.append(f"{self.what}: exit {code}: {running.stderr[-600:]}")
        for bug in set(running.bugs()):
            reasons = [str(event.get("reason"))[:200] for event in running.steps]
            told = [reason for reason in reasons if bug in reason]
            self.score.faults.append(f"{self.what}: {bug}: {told} {running.stderr[-700:]}")
        if code and not (running.stderr.strip() or any(e.get("reason") for e in running.steps)):
            others = [e for e in running.events if e["event"] != "step"][-3:]
            self.score.faults.append(f"{self.what}: exit {code} without a sentence: {others}")

    def _mend(self) -> None:
        """Build without a fault; all has to be as if there had been none."""
        _mount(self.disk, f"remount,rw,{_ROOMY}")
        self.zoo.temporary.mkdir(exist_ok=True)
        running = self.zoo.begin()
        code = running.end()
        told = [str(e.get("reason"))[:200] for e in running.steps if e["status"] == "failed"]
        if code:
            self.score.faults.append(
                f"not mended after {self.what}: {told} {running.stderr[-300:]}"
            )
        self.score.faults += [
            f"wrong after {self.what}: {path}" for path in self.zoo.differences(self.whole)[:3]
        ]
        self.score.faults += [f"left behind: {left}" for left in self.zoo.leftovers()]
        self.score.faults += [f"survived: {process}" for process in survivors()]


def _used_bytes(disk: Path) -> int:
    found = os.statvfs(disk)
    return (found.f_blocks - found.f_bfree) * found.f_frsize


def _used_inodes(disk: Path) -> int:
    found = os.statvfs(disk)
    return found.f_files - found.f_ffree


def run_campaign(*, count: int, seed: int, seconds: float) -> Score:
    """Run it as far as this machine can, and say what it cannot."""
    no_disks, no_strace = lacks_disks(), lacks_strace()
    for lack in filter(None, (no_disks, no_strace)):
        print(lack)
    with tempfile.TemporaryDirectory(prefix="disks-") as name:
        disk = Path(name) / "disk"
        disk.mkdir()
        if no_disks is None:
            _mount(disk, _ROOMY)
        try:
            campaign = Campaign(disk, seed=seed)
            ways = [] if no_disks else [campaign.fill, campaign.seal]
            ways += [] if no_strace else [campaign.inject, campaign.inject, campaign.inject]
            return campaign.run(ways, count=count, seconds=seconds) if ways else Score()
        finally:
            if no_disks is None:
                subprocess.run(["umount", "--lazy", str(disk)], check=True)


def main() -> None:
    """Run the campaign and print its score."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=7200.0)
    given = parser.parse_args()
    adopt_orphans()
    # Who is asked to end takes the disk away before.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    score = run_campaign(count=given.count, seed=given.seed, seconds=given.seconds)
    print(
        f"{score.faulty.total()} builds with faults ({dict(score.faulty)}), {score.injected} calls "
        f"failed; exit codes {dict(score.codes)}; {len(score.faults)} faults of ours"
    )
    for fault, count in Counter(score.faults).items():
        print(f"  {count}x {fault}")
    sys.exit(bool(score.faults))


if __name__ == "__main__":
    main()
