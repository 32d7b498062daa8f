"""The way to a first result in a browser: lines, bytes and time, beside MediaPipe's tasks.

    PYTHONPATH=.:tests/helpers python benchmarks/first_result/first_result.py ZOO WORK

ZOO is the `dist/` of a zoo with blazeface and selfie of models.yaml; WORK is an empty folder. The
pages beside this file do the same on the same photograph: a face with its points, and the mask of a
person. Chromium on this machine, two cores, on wasm and CPU; everything comes from a server on this
machine, so that time is work, not network. Bytes are those that the page asked for, but for the
photograph, as they are and with gzip; time is the median of five first visits, from navigation to
the result.

| page | lines | bytes | gzip | ms |
|---|---:|---:|---:|---:|
| mediapipe-face | 9 | 13,718,324 | 4,152,537 | 6,523 |
| mediapipe-selfie | 9 | 13,737,792 | 4,164,828 | 3,858 |
| zoo-face | 6 | 2,506,337 | 834,987 | 4,144 |
| zoo-selfie | 6 | 2,316,167 | 670,961 | 4,259 |

Other programs shared the two cores, so that the times say no more than: about the same. Lines and
bytes do not depend on them. The models differ: MediaPipe's face detector takes 128 x 128 pixels,
that of the zoo 256 x 256; in the astronaut's picture they find the face with a score of 0.92 and
0.87.

MediaPipe's two models are those of `@mediapipe/face_detection` and `@mediapipe/selfie_segmentation`
on npm, which its tasks refuse as they are ("requires specifying NormalizationOptions metadata");
they get the metadata here. The models that its documentation names lie outside of npm.

transformers.js 4.3.2 was not run: its pipelines take models from Hugging Face's hub, which was out
of reach. Before any model it brings 588 kB of JavaScript (transformers.min.js) and 26.9 MB of
WebAssembly (ort-wasm-simd-threaded.asyncify.wasm of the onnxruntime-web that it asks for).
"""

import argparse
import gzip
import shutil
import statistics
import sys
from pathlib import Path

from browser import chromium
from described_tflite import add_metadata, picture
from packages import fetch_into, fetch_package
from selenium.webdriver.support.ui import WebDriverWait

from pipeline.publish.serve.zoo_server import serving

HERE = Path(__file__).parent
SAMPLES = HERE.parents[1] / "pipeline/proof/samples/data"
PHOTO = "astronaut.jpg"
TASKS = "npm:@mediapipe/tasks-vision@1.1.0"
# What the authors' own pipelines feed: -1 to 1, and 0 to 1; and the number of outputs.
MODELS = {
    "npm:@mediapipe/face_detection@0.4.1646425229#face_detection_short_range.tflite": (127.5, 2),
    "npm:@mediapipe/selfie_segmentation@0.1.1675465747#selfie_segmentation.tflite": (0.0, 1),
}
VISITS = 5
TIMEOUT_SECONDS = 120


def main() -> None:
    """Print a row for each page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("zoo", type=Path)
    parser.add_argument("work", type=Path)
    options = parser.parse_args()
    prepare(options.zoo, options.work)
    print("| page | lines | bytes | gzip | ms |\n|---|---:|---:|---:|---:|")
    with serving(options.work) as server:
        for page in sorted(HERE.glob("*.html")):
            visits = [visit(server.url, page.name) for _ in range(VISITS)]
            files, _ = visits[0]
            plain = [path.read_bytes() for path in map(options.work.joinpath, files)]
            sizes = sum(map(len, plain)), sum(len(gzip.compress(each)) for each in plain)
            time = statistics.median(ms for _, ms in visits)
            print(
                f"| {page.stem} | {count_lines(page)} | {sizes[0]:,} | {sizes[1]:,} | {time:,.0f} |"
            )
            sys.stdout.flush()


def prepare(zoo: Path, work: Path) -> None:
    """Put pages, photograph, zoo and MediaPipe's packages into one folder."""
    shutil.copytree(zoo, work / "zoo")
    for path in (*HERE.glob("*.html"), SAMPLES / PHOTO):
        shutil.copy(path, work)
    fetch_into(work / "tasks-vision", TASKS)
    for source, (mean, outputs) in MODELS.items():
        file = fetch_package(work / "fetched" / source.rpartition("#")[2], source)
        described = add_metadata(
            file.read_bytes(),
            inputs=[picture([mean], [255.0 - mean])],
            outputs=[((0, "text", f"output_{i}"),) for i in range(outputs)],
        )
        (work / file.name).write_bytes(described)


def visit(url: str, page: str) -> tuple[list[str], float]:
    """Return the files that a page asked for, and the milliseconds to its result."""
    with chromium() as driver:
        driver.get(f"{url}{page}")
        WebDriverWait(driver, TIMEOUT_SECONDS, poll_frequency=0.02).until(
            lambda one: one.execute_script("return window.found !== undefined")
        )
        ms = driver.execute_script("return performance.now()")
        names = driver.execute_script(
            "return performance.getEntriesByType('resource').map(({name}) => name)"
        )
    files = {name.removeprefix(url).partition("?")[0] for name in names if name.startswith(url)}
    return sorted(files - {PHOTO, "favicon.ico"}), float(ms)


def count_lines(page: Path) -> int:
    """Return the number of lines of a page's script."""
    script = (
        page.read_text("utf-8").partition('<script type="module">')[2].partition("</script>")[0]
    )
    return len(script.strip().splitlines())


if __name__ == "__main__":
    main()
