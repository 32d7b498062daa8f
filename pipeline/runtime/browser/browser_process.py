"""Browser process: one headless browser behind the wall, which runs models one after another.

Behind the wall are two programs: `serve.py`, which serves files over the loopback interface, and
the browser, which knows its address. They read the files that are linked into one folder, and
write another. What they write and say is never trusted; `node_results` reads the results.
"""

import contextlib
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from pipeline.disk.browser_program import BrowserProgram
from pipeline.disk.files import link_files, move_untrusted, total_size
from pipeline.errors import WorkerError
from pipeline.runtime.long_process import start_process
from pipeline.text.quantity import format_limit
from pipeline.wall.rights import Rights, python_paths
from pipeline.wall.wall import Wall
from pipeline.workers.child_process import last_lines
from pipeline.workers.limits import GIB, Budget, ResourceLimits
from pipeline.workers.memory import tree_memory, tree_pids

_PROGRAMS = Path(__file__).resolve().parent
_ARGUMENTS = (
    "--headless=new",
    "--disable-background-networking",
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-breakpad",
    "--disable-component-update",
    "--disable-crash-reporter",
    "--disable-default-apps",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-renderer-backgrounding",
    "--disable-sync",
    "--no-default-browser-check",
    "--no-first-run",
    "--password-store=basic",
    "--site-per-process",
    # Without a graphics card: WebGL and WebGPU are computed by the processor.
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
    # No name but its own server's leads anywhere.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE *.localhost",
    "--no-proxy-server",
)
_OF_BACKENDS = {
    # The page, which nobody sees, is drawn without graphics: of MobileNetV2 that took a quarter of
    # the time of the graphics process.
    "webgl": ("--disable-gpu-compositing", "--disable-gpu-rasterization"),
    "webgpu": (
        "--enable-unsafe-webgpu",
        "--use-webgpu-adapter=swiftshader",
        # `readSync` of TensorFlow.js's webgpu reads through a canvas. Without Vulkan that canvas is
        # empty in software: all values are 0, and the device is lost.
        "--enable-features=Vulkan",
        "--use-vulkan=swiftshader",
    ),
}
_NO_SANDBOX = "--no-sandbox"
# Programs, libraries and settings that a browser reads on its start.
_SYSTEM = (
    *("/bin", "/usr", "/opt/google", "/etc/fonts", "/etc/alternatives"),
    *("/etc/chromium", "/etc/chromium.d"),
)
_START_SECONDS = 60.0
_INTERVAL_SECONDS = 0.1
_DISK_INTERVAL_SECONDS = 2.0
_LINE_BYTES = 65536
_PROFILE_BYTES = GIB


@dataclass(frozen=True, kw_only=True)
class BrowserRun:
    """One run of a model in a browser.

    Attributes:
        id: Its number, another for each run of the browser.
        backend: "webgl" or "webgpu".
        model: Folder of its model.json.
        vectors: Folder of vectors.json and its other file.
        packages: Folder of the release of TensorFlow.js.
    """

    id: int
    backend: str
    model: Path
    vectors: Path
    packages: Path


class BrowserProcess:
    """A browser that runs, until `close`.

    Args:
        program: The browser.
        backend: "webgl" or "webgpu"; the browser is started for one of them.
        wall: The wall that confines it; None for trusted models on a machine without a wall.
        packages: Folder of all releases of TensorFlow.js.

    Raises:
        WorkerError: The browser does not start.
    """

    def __init__(
        self, program: BrowserProgram, *, backend: str, wall: Wall | None, packages: Path
    ) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="browser-")).resolve()
        self._given, self._made = self._folder / "given", self._folder / "made"
        self._events: queue.Queue[Mapping[str, Any] | None] = queue.Queue()
        self._idle_bytes = 0
        reasons = []
        # Its own sandbox needs namespaces, which it may not have here; the wall stands without it.
        for sandbox in ((), (_NO_SANDBOX,)):
            self._prepare_folders()
            arguments = [*_ARGUMENTS, *_OF_BACKENDS[backend], *sandbox]
            command = self._command(program, wall, packages, arguments)
            self._process = start_process(
                command,
                folder=self._made,
                environment=_environment(self._made),
                log=self._folder / "log.txt",
            )
            threading.Thread(target=self._listen, args=[self._process], daemon=True).start()
            if self._wait_for_start():
                self._idle_bytes = tree_memory(self._process.pid)
                return
            self._kill()
            reasons.append(last_lines((self._folder / "log.txt").read_bytes()))
        shutil.rmtree(self._folder, ignore_errors=True)
        raise WorkerError(f"{program.version} does not start", hint=f"it said:\n{reasons[-1]}")

    def run(
        self, run: BrowserRun, *, folder: Path, budget: Budget, tick: Callable[[], None]
    ) -> str | None:
        """Run a model; its result is then in FOLDER/ID.json, ID.bin and ID.log.

        Args:
            run: The run.
            folder: Folder for the result.
            budget: Time, memory and disk; the browser is ended beyond them.
            tick: Called often; an exception of it ends the browser.

        Returns:
            None, or why the browser ended before the result.
        """
        try:
            self._send(run)
            fault = self._follow(run, budget, tick)
        except BaseException:
            self.close()
            raise
        for suffix in ("log",) if fault else ("bin", "log", "json"):
            made = self._made / f"{run.id}.{suffix}"
            with contextlib.suppress(FileNotFoundError):
                move_untrusted(made, folder / made.name)
        if fault is not None:
            self.close()
        else:
            shutil.rmtree(self._given / str(run.id), ignore_errors=True)
        return fault

    def close(self) -> None:
        """End the browser at once and remove its files."""
        self._kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def is_open(self) -> bool:
        """Whether the browser still runs."""
        return self._process.poll() is None

    def _prepare_folders(self) -> None:
        for folder in (self._given, self._made):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()

    def _command(
        self, program: BrowserProgram, wall: Wall | None, packages: Path, arguments: list[str]
    ) -> list[str]:
        profile = self._made / "profile"
        command = [str(program.path), *arguments, f"--user-data-dir={profile}"]
        request = self._given / "request.json"
        request.write_text(json.dumps({"command": command, "folder": str(self._made)}))
        python = os.path.realpath(sys.executable)
        serve = [python, "-I", "-S", str(_PROGRAMS / "serve.py"), str(request)]
        if wall is None:
            return serve
        system = [Path(name) for name in _SYSTEM if Path(name).exists()]
        reads = (*system, *python_paths(), _PROGRAMS.parent, packages, program.path.parent)
        return wall.command(Rights(reads=(*reads, self._given), writes=(self._made,)), serve)

    def _wait_for_start(self) -> bool:
        with contextlib.suppress(queue.Empty):
            return self._events.get(timeout=_START_SECONDS) == {"ready": True}
        return False

    def _send(self, run: BrowserRun) -> None:
        given = self._given / str(run.id)
        for name in ("model", "vectors"):
            link_files(getattr(run, name), given / name)
        order = {
            "id": run.id,
            "backend": run.backend,
            "model": str(given / "model"),
            "vectors": str(given / "vectors"),
            "packages": str(run.packages),
        }
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # its end says why
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            self._process.stdin.flush()

    def _follow(self, run: BrowserRun, budget: Budget, tick: Callable[[], None]) -> str | None:
        """Follow a run to its end; return why the browser must be ended, or None."""
        memory_limit = budget.limits.memory_limit()
        look_at_disk = time.monotonic() + _DISK_INTERVAL_SECONDS
        while True:
            with contextlib.suppress(queue.Empty):
                event = self._events.get(timeout=_INTERVAL_SECONDS)
                if event is None:
                    return "the browser died"
                if event.get("done") == run.id:
                    return None
                return f"{event.get('why', 'it said something else than what it does')}"[:200]
            tick()
            budget.check("TensorFlow.js in a browser")
            if tree_memory(self._process.pid) - self._idle_bytes > memory_limit:
                return f"it needed more than {format_limit(memory_limit)} of memory"
            if time.monotonic() >= look_at_disk:
                look_at_disk = time.monotonic() + _DISK_INTERVAL_SECONDS
                if total_size(self._made) > _disk_limit(budget.limits):
                    return f"it wrote more than {format_limit(budget.limits.disk_bytes)}"

    def _listen(self, process: "subprocess.Popen[bytes]") -> None:
        """Put the events of a process into the queue, and None at its end."""
        assert process.stdout is not None
        for line in _lines(process.stdout):
            event = _parse_event(line)
            if event is None:
                break
            self._events.put(event)
        self._events.put(None)

    def _kill(self) -> None:
        """Kill the process and all that it started."""
        left = tree_pids(self._process.pid)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()


def _disk_limit(limits: ResourceLimits) -> int:
    return limits.disk_bytes + _PROFILE_BYTES


def _environment(folder: Path) -> dict[str, str]:
    home = folder / "home"
    home.mkdir(exist_ok=True)
    return {"HOME": str(home), "LANG": "C.UTF-8", "PATH": "/usr/local/bin:/usr/bin:/bin"}


def _lines(stream: IO[bytes]) -> Iterator[bytes]:
    """Yield lines of bounded length."""
    while line := stream.readline(_LINE_BYTES):
        yield line


def _parse_event(line: bytes) -> Mapping[str, Any] | None:
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return event if isinstance(event, dict) else None
