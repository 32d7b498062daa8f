"""Transfer sizes, against what a client unpacks."""

import gzip
import time
from pathlib import Path

import brotli
import numpy as np

from pipeline.disk.transfer_sizes import BROTLI_QUALITY, GZIP_LEVEL, measure_transfer


def files(folder: Path) -> dict[Path, bytes]:
    """Write a text, and weights that take more than one read."""
    weights = np.random.default_rng(3).normal(0, 20, 1_500_000).astype(np.int8)
    contents = {folder / "model.json": b'{"op": "Conv2D"}' * 500, folder / "a.bin": bytes(weights)}
    for path, content in contents.items():
        path.write_bytes(content)
    return contents


def test_sizes_are_those_of_whole_files_that_a_client_can_unpack(tmp_path: Path) -> None:
    contents = files(tmp_path)

    sizes = measure_transfer(contents)

    packed = [gzip.compress(content, GZIP_LEVEL, mtime=0) for content in contents.values()]
    assert sizes.gzip == sum(map(len, packed))
    pressed = [brotli.compress(one, quality=BROTLI_QUALITY) for one in contents.values()]
    # Cut into reads, a file has some block heads more.
    assert abs(sizes.brotli / sum(map(len, pressed)) - 1) < 1e-3
    assert sizes.brotli < sizes.gzip < sum(map(len, contents.values()))


def test_no_files_take_nothing() -> None:
    sizes = measure_transfer([])

    assert (sizes.gzip, sizes.brotli) == (0, 0)


def test_large_files_are_estimated_from_a_part_of_each(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    deviations = rng.uniform(1, 60, 300)
    weights = [rng.normal(0, one, 60_000).clip(-127, 127).astype(np.int8) for one in deviations]
    contents = {tmp_path / "model.json": b'{"op": "Conv2D"}' * 50_000, tmp_path / "empty": b""}
    whole = np.concatenate(weights).tobytes()
    for i in range(0, len(whole), 4 << 20):
        contents[tmp_path / f"{i}.bin"] = whole[i : i + (4 << 20)]
    for path, content in contents.items():
        path.write_bytes(content)
    started = time.process_time()

    sizes = measure_transfer(contents)

    taken = time.process_time() - started
    started = time.process_time()
    packed = sum(len(gzip.compress(content, GZIP_LEVEL)) for content in contents.values())
    pressed = sum(len(brotli.compress(one, quality=BROTLI_QUALITY)) for one in contents.values())
    assert taken < (time.process_time() - started) / 2
    # The spread of a part differs from that of its neighbours by as much as weights never do.
    assert abs(sizes.gzip / packed - 1) < 0.02
    assert abs(sizes.brotli / pressed - 1) < 0.02
