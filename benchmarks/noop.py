"""What a run with nothing to do costs: a zoo of many small models, built once, run again.

    python benchmarks/noop.py [NUMBER_OF_MODELS]

Prints seconds of the first build, of `doit` right after it (median of 5), of `doit list`,
and of `doit` after the database was deleted.

Last result (2 shared cores, Python 3.11, doit 0.37, 1,000 models, 11,002 steps, another build
at work beside it): first build 9 min 6 s, nearly all of it TensorFlow.js starting twice for each
model; nothing to do 1.8 s of wall time (1.7 to 2.0), 1.3 s of it computing.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "helpers"))

from zoos import Zoo


def seconds(zoo: Zoo, *arguments: str) -> float:
    """Run doit and return how long it took."""
    started = time.perf_counter()
    done = zoo.doit(*arguments)
    if done.code != 0:
        sys.exit(f"doit {arguments} ended with {done.code}:\n{done.stdout}{done.stderr}")
    return time.perf_counter() - started


def main(count: int) -> None:
    """Measure a zoo of `count` models."""
    with tempfile.TemporaryDirectory() as folder:
        zoo = Zoo(Path(folder) / "zoo")
        for number in range(count):
            zoo.add(f"model-{number:05}", seed=number, variants=["float16", "uint8", "uint16"])
        zoo.write()
        print(f"{count} models, {count * 11 + 2} steps")
        print(f"first build    {seconds(zoo, 'run'):.2f} s")
        again = [seconds(zoo, "run") for _ in range(5)]
        middle, low, high = statistics.median(again), min(again), max(again)
        print(f"nothing to do  {middle:.2f} s ({low:.2f} to {high:.2f})")
        print(f"list --all     {seconds(zoo, 'list', '--all'):.2f} s")
        (zoo.folder / ".zoo/doit.json").unlink()
        print(f"lost database  {seconds(zoo, 'run'):.2f} s")
        print(f"after that     {seconds(zoo, 'run'):.2f} s")
        size = subprocess.run(
            ["du", "-sh", str(zoo.folder)], capture_output=True, text=True, check=True
        )
        print(f"on disk        {size.stdout.split()[0]}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
