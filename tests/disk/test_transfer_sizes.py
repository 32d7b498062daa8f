"""Transfer sizes, against what a client unpacks."""

import gzip
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
