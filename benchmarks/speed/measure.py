"""Measurements of commands: wall time, time of the processor and peak memory, in turns."""

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import psutil

MIB = 1024**2
GIB = 1024**3
_TEN = 10


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What something cost once.

    Attributes:
        seconds: Wall time.
        cpu: Time of the processor, of a process and all that it started and waited for.
        peak: Most resident bytes of one process.
    """

    seconds: float
    cpu: float
    peak: int


Measure = Callable[[], Cost]


def run(command: Sequence[str | Path], *, ok: Sequence[int] = (0,), **environ: str) -> Cost:
    """Run a command to its end; stop the program if it fails."""
    with tempfile.TemporaryFile() as said:
        started = time.perf_counter()
        process = subprocess.Popen(
            list(map(str, command)), stdout=said, stderr=said, env=os.environ | environ
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in ok:
            said.seek(0)
            sys.exit(f"{command} ended with {process.returncode}:\n{said.read()[-4000:].decode()}")
    peak = usage.ru_maxrss * 1024  # KiB on Linux
    return Cost(seconds=seconds, cpu=usage.ru_utime + usage.ru_stime, peak=peak)


def add(costs: Sequence[Cost]) -> Cost:
    """Return what several things cost one after another."""
    return Cost(
        seconds=sum(one.seconds for one in costs),
        cpu=sum(one.cpu for one in costs),
        peak=max(one.peak for one in costs),
    )


def in_turns(sides: Mapping[str, Measure], *, repeats: int) -> dict[str, list[Cost]]:
    """Return the costs of each side, measured in turns."""
    costs: dict[str, list[Cost]] = {name: [] for name in sides}
    for _ in range(repeats):
        for name, measure in sides.items():
            costs[name].append(measure())
            print(f"{name}: {costs[name][-1]}", file=sys.stderr, flush=True)
    return costs


def read_lines(command: Sequence[str | Path]) -> dict[str, list[Cost]]:
    """Return the costs that a program prints, a line of JSON each: [SIDE, SECONDS, CPU, PEAK]."""
    made = subprocess.run(
        list(map(str, command)), check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    costs: dict[str, list[Cost]] = {}
    for line in made.stdout.decode().splitlines():
        if line.startswith("["):
            name, seconds, cpu, peak = json.loads(line)
            costs.setdefault(name, []).append(Cost(seconds=seconds, cpu=cpu, peak=peak))
    return costs


def format_row(title: str, costs: Mapping[str, Sequence[Cost]], goal: str) -> str:
    """Return a table of the sides of a row, each with its ratio to the first."""
    heads = ("side", "runs", "wall, median (least to most)", "processor", "peak RSS")
    ratios = ("first ÷ this, wall", "first ÷ this, processor")
    lines = [f"### {title}\n", f"| {' | '.join([*heads, *ratios])} |", "|---" * 7 + "|"]
    first, *_ = (_median(side) for side in costs.values())
    for name, side in costs.items():
        middle = _median(side)
        walls = [one.seconds for one in side]
        spread = f" ({_time(min(walls))} to {_time(max(walls))})" if len(walls) > 1 else ""
        lines.append(
            f"| {name} | {len(side)} | {_time(middle.seconds)}{spread} | {_time(middle.cpu)} "
            f"| {middle.peak / MIB:.0f} MiB | {first.seconds / middle.seconds:.2f} "
            f"| {first.cpu / middle.cpu:.2f} |"
        )
    return "\n".join([*lines, "", f"Goal: {goal}", ""])


def describe_machine(*packages: str) -> str:
    """Return a line on the machine, its load, and the versions."""
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    tools = [f"Python {platform.python_version()}", *(f"{one} {version(one)}" for one in packages)]
    memory = psutil.virtual_memory().total / GIB
    return (
        f"{_processor()}, {os.cpu_count()} processors, {memory:.0f} GiB, {platform.system()} "
        f"{platform.release()}; load {load}; {', '.join(tools)}"
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _median(costs: Sequence[Cost]) -> Cost:
    return Cost(
        seconds=statistics.median(one.seconds for one in costs),
        cpu=statistics.median(one.cpu for one in costs),
        peak=max(one.peak for one in costs),
    )


def _time(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds < _TEN else f"{seconds:.1f} s"
