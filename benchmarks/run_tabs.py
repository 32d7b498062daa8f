"""Whether every tab of code of every model of a built zoo runs, in a browser and in Node.js.

    python benchmarks/run_tabs.py DIST

Prints a line for each tab: model, tab, milliseconds, what it said or why it failed; then the
faults, among them detectors that do not find the astronaut. `tests/helpers/tabs.py` says how; CI
does the same with the small zoos that tests build.

Last result (2 shared cores, Chromium without a graphics card, the zoo of models.yaml): 31 models,
131 tabs in about 95 s, no faults; detectors found person 0.78 (nanodet) and 0.62 (centernet), face
0.98 (faceboxes) and 0.87 (blazeface), hand 0.58 (handtrack).
"""

import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "helpers"))

from browser import chromium
from tabs import faults_of, run_tabs


def main(dist: Path) -> int:
    """Run all tabs of a zoo; return 1 if one failed."""
    with tempfile.TemporaryDirectory() as folder, chromium() as driver:
        found = run_tabs(driver, dist, Path(folder))
    for name, tabs in found.items():
        for tab, said in tabs.items():
            text = said.get("says") or said["fault"]
            print(f"{name} | {tab} | {said['ms']} | {text[:80]}")
    faults = list(faults_of(json.loads((dist / "models.json").read_bytes()), found))
    print("\n".join(faults) or "no faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
