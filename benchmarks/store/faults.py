"""Counts what comes of a store whose files are damaged at random.

    python benchmarks/store/faults.py ZOO ROUNDS >benchmarks/store/faults.md

ZOO is a built zoo. Its results go into a store in a folder. In each round one file of the store is
damaged, the results that it belongs to are fetched as a build does, and the file is mended. A
result must come as it was put there, or not at all. `faults.md` has the last result.
"""

import random
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from pipeline.engine.job import Job
from pipeline.engine.receipt import UNLISTED
from pipeline.engine.shared_results import fetch_result, fill_store, result_key
from pipeline.engine.step import Work
from pipeline.steps.graph import load_graph
from pipeline.store.open_store import open_store
from pipeline.store.stored_result import document_path, parse_document

Damage = Callable[[bytes, random.Random, list[Path]], bytes | None]


def cut(content: bytes, dice: random.Random, _others: list[Path]) -> bytes:
    """Cut a file off."""
    return content[: dice.randrange(len(content))]


def flip(content: bytes, dice: random.Random, _others: list[Path]) -> bytes:
    """Turn one bit."""
    place = dice.randrange(len(content))
    changed = bytes([content[place] ^ (1 << dice.randrange(8))])
    return content[:place] + changed + content[place + 1 :]


def grow(content: bytes, dice: random.Random, _others: list[Path]) -> bytes:
    """Insert bytes."""
    place = dice.randrange(len(content) + 1)
    return content[:place] + dice.randbytes(dice.randrange(1, 100)) + content[place:]


def zero(content: bytes, dice: random.Random, _others: list[Path]) -> bytes:
    """Blank a part, as a disk does that lost a block."""
    place = dice.randrange(len(content))
    size = min(4096, len(content) - place)
    return content[:place] + bytes(size) + content[place + size :]


def swap(_content: bytes, dice: random.Random, others: list[Path]) -> bytes:
    """Put another file of the store in its place."""
    return dice.choice(others).read_bytes()


def lose(_content: bytes, _dice: random.Random, _others: list[Path]) -> None:
    """Remove it."""


DAMAGES: Mapping[str, Damage] = {
    "cut off": cut,
    "a bit turned": flip,
    "bytes inserted": grow,
    "4 KiB blank": zero,
    "another file in its place": swap,
    "missing": lose,
}


def fetch(job: Job, store_folder: Path, folder: Path) -> dict[str, bytes] | None:
    """Fetch a result as a build does; return its files that decide something, None without."""
    store = open_store(str(store_folder), root=store_folder, read_only=True)
    work = SimpleNamespace(
        folder=folder,
        step=job.step,
        outcomes={},
        inputs={},
        progress=lambda *_: None,
        remarks=[],
    )
    receipt = fetch_result(store, cast("Work[Any]", work), job.ingredients())
    found = read(folder) if receipt is not None else None
    assert found or not list(folder.iterdir()), "a result that was refused left files"
    shutil.rmtree(folder)
    folder.mkdir()
    return found


def read(folder: Path) -> dict[str, bytes]:
    """Return the files of a result that its receipt lists, and the receipt."""
    paths = (path for path in folder.rglob("*") if path.is_file())
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
    return {name: files[name] for name in files if name not in UNLISTED - {"receipt.json"}}


def main(zoo: Path, rounds: int) -> None:
    """Damage, fetch and count."""
    dice = random.Random(1)  # noqa: S311  # rounds that can be repeated
    graph = load_graph(zoo)
    jobs = [job for job in graph.jobs.values() if job.shared]
    with tempfile.TemporaryDirectory() as text:
        store, folder = Path(text) / "store", Path(text) / "folder"
        folder.mkdir()
        fill_store(open_store(str(store), root=store), jobs)
        right = {job.task: fetch(job, store, folder) for job in jobs}
        kept = [job for job in jobs if right[job.task] is not None]
        owners = find_owners(store, kept)
        files = sorted(path for path in owners if path.stat().st_size)
        counts: dict[str, Counter[str]] = {name: Counter() for name in DAMAGES}
        for number in range(rounds):
            name = list(DAMAGES)[number % len(DAMAGES)]
            path = dice.choice(files)
            content = path.read_bytes()
            damaged = DAMAGES[name](content, dice, files)
            path.unlink() if damaged is None else path.write_bytes(damaged)
            for job in owners[path]:
                came = fetch(job, store, folder)
                same = came == right[job.task]
                counts[name]["absent" if came is None else "right" if same else "wrong"] += 1
            path.write_bytes(content)
    print_page(counts, num_results=len(kept), num_files=len(files), rounds=rounds)


def find_owners(store: Path, jobs: list[Job]) -> dict[Path, list[Job]]:
    """Return the results that each file of a store belongs to."""
    owners: dict[Path, list[Job]] = {}
    for job in jobs:
        document = store / document_path(result_key(job.ingredients()))
        owners.setdefault(document, []).append(job)
        for result in parse_document(document.read_bytes()).results:
            for digest in {file.sha256 for file in result.files if file.content is None}:
                blob = store / "v1/blobs" / digest[:2] / digest
                owners.setdefault(blob, []).append(job)
    return owners


def print_page(
    counts: Mapping[str, Counter[str]], *, num_results: int, num_files: int, rounds: int
) -> None:
    """Print the table."""
    print("# A store with damaged files\n")
    print("`python benchmarks/store/faults.py ZOO ROUNDS` writes this page.\n")
    print(f"{num_results:,} results in {num_files:,} files; {rounds:,} rounds, a damage in each.\n")
    print("| damage | results fetched | as they were put | absent, so the step runs | wrong |")
    print("|---|---|---|---|---|")
    for name, count in counts.items():
        numbers = (sum(count.values()), count["right"], count["absent"], count["wrong"])
        print(f"| {name} | {' | '.join(f'{number:,}' for number in numbers)} |")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
