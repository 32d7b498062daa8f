"""HDF5 files: what reaches out of a file, or is larger than it, is refused before it is read.

A file that would be opened is a FIFO here: to open one waits for a writer, and the test with it.
"""

import os
import random
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from h5py import h5d, h5l, h5p, h5pl, h5s, h5t, h5z

from pipeline.errors import FormatError, PipelineError, UntrustedSourceError
from pipeline.tf.keras.hdf5 import check_hdf5, open_hdf5

Write = Callable[[h5py.File, Path], None]
ELSEWHERE = "elsewhere"


def write(folder: Path, content: Write) -> Path:
    """Write a .h5 beside a FIFO that is called `elsewhere`."""
    os.mkfifo(folder / ELSEWHERE)
    with h5py.File(folder / "m.h5", "w") as file:
        content(file, folder / ELSEWHERE)
    return folder / "m.h5"


def external_link(file: h5py.File, other: Path) -> None:
    file.create_group("a")["kernel"] = h5py.ExternalLink(str(other), "/kernel")


def external_storage(file: h5py.File, other: Path) -> None:
    file.create_group("a").create_dataset(
        "kernel", shape=(4, 3), dtype="u1", external=[(str(other), 0, 12)]
    )


def virtual(file: h5py.File, other: Path) -> None:
    layout = h5py.VirtualLayout((4,), "f4")
    layout[:] = h5py.VirtualSource(str(other), "kernel", (4,))
    file.create_virtual_dataset("kernel", layout)


def endless_virtual(file: h5py.File, other: Path) -> None:
    """A virtual dataset that takes its size from the other file."""
    layout = h5py.VirtualLayout((4, 10), "f4", maxshape=(4, None))
    source = h5py.VirtualSource(str(other), "kernel", (4, 10), maxshape=(4, None))
    layout[:, 0 : h5s.UNLIMITED] = source[:, 0 : h5s.UNLIMITED]
    file.create_virtual_dataset("kernel", layout)


def soft_link(file: h5py.File, _: Path) -> None:
    file["a"] = h5py.SoftLink("/a")


def cycle(file: h5py.File, _: Path) -> None:
    group = file.create_group("a")
    group["b"] = group


def cycle_of_the_root(file: h5py.File, _: Path) -> None:
    file.create_group("a")["b"] = file["/"]


def deep(file: h5py.File, _: Path) -> None:
    file.create_group("/".join("g" * 300))


def references(file: h5py.File, _: Path) -> None:
    file.create_dataset("r", (1,), dtype=h5py.ref_dtype)


def regions(file: h5py.File, _: Path) -> None:
    file["v"] = [1, 2]
    file["v"].attrs["region"] = file["v"].regionref[:1]


def no_fixed_length(file: h5py.File, _: Path) -> None:
    file.create_dataset("v", (2,), dtype=h5py.vlen_dtype("f4"))


def a_type(file: h5py.File, _: Path) -> None:
    file["t"] = np.dtype("f4")


def plug_in(file: h5py.File, _: Path) -> None:
    plan = h5p.create(h5p.DATASET_CREATE)
    plan.set_chunk((4,))
    plan.set_filter(32015, h5z.FLAG_OPTIONAL, (3,))
    h5d.create(file.id, b"z", h5t.IEEE_F32LE, h5s.create_simple((4,)), plan)


def compressed_bomb(file: h5py.File, _: Path) -> None:
    file.create_dataset("b", (10**11,), dtype="f4", chunks=(10**6,), compression="gzip")


def bomb_that_nobody_wrote(file: h5py.File, _: Path) -> None:
    file.create_dataset("b", (10**11,), dtype="f4")


def bomb_of_one_chunk(file: h5py.File, _: Path) -> None:
    file.create_dataset("b", (1,), dtype="f4", chunks=(10**9 - 1,), maxshape=(None,))


def bomb_of_many(file: h5py.File, _: Path) -> None:
    for i in range(40):
        file.create_dataset(f"b{i}", (10**6,), dtype="f4")


def many_attributes(file: h5py.File, _: Path) -> None:
    group = file.create_group("a", track_order=True)
    for i in range(10_001):
        group.attrs[str(i)] = 0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (external_link, r"its part 'a/kernel' lies in another file \('.*/elsewhere'\)"),
        (external_storage, r"its dataset 'a/kernel' lies in another file \('.*/elsewhere'\)"),
        (virtual, r"'kernel' is put together from other files \('.*/elsewhere'\)"),
        (endless_virtual, "'kernel' is put together from other files"),
        (soft_link, "its part 'a' is a symbolic link; expected groups and weights only"),
        (cycle, "its group 'a/b' has two names; expected each group in one place"),
        (cycle_of_the_root, "its group 'a/b' has two names"),
        (deep, "its groups lie 101 deep at 'g/g/.*…'; expected at most 100"),
        (references, "its dataset 'r' holds references; expected numbers and texts"),
        (regions, "its attribute 'region' of dataset 'v' holds references"),
        (no_fixed_length, "its dataset 'v' holds lists of no fixed length"),
        (a_type, "its part 't' is a type; expected groups and weights only"),
        (plug_in, "its dataset 'z' is compressed by filter 32015"),
        (compressed_bomb, r"declares weights of 400000000000 bytes and more \(its dataset 'b'\)"),
        (bomb_that_nobody_wrote, "declares weights of 400000000000 bytes"),
        (bomb_of_one_chunk, "declares weights of 3999999996 bytes"),
        (bomb_of_many, "declares weights of .* expected at most 100 times its size"),
        (many_attributes, "its group 'a' has 10001 attributes; expected at most 10000"),
    ],
)
def test_what_is_no_tree_of_weights_is_refused(
    tmp_path: Path, content: Write, message: str
) -> None:
    path = write(tmp_path, content)

    with pytest.raises(UntrustedSourceError, match=f"^m.h5: .*{message}"):
        check_hdf5(path, "m.h5")
    with pytest.raises(UntrustedSourceError), open_hdf5(path, "m.h5"):
        pytest.fail("it was opened")


def test_an_unknown_kind_of_link_is_refused(tmp_path: Path) -> None:
    """A kind of a user's own: the byte of an external link's kind, changed to another."""
    path = write(tmp_path, external_link)
    content = path.read_bytes()
    place = content.index(b"kernel", content.index(b"SNOD") if b"SNOD" in content else 0)
    kinds = [i for i in range(place - 40, place) if content[i] == h5l.TYPE_EXTERNAL]
    refused = []
    for kind in kinds:
        changed = bytearray(content)
        changed[kind] = 70
        path.write_bytes(changed)
        try:
            check_hdf5(path, "m.h5")
        except UntrustedSourceError as error:
            refused.append(error.message)
        except FormatError:
            pass

    assert any("'a/kernel' is a link of a kind of its own" in text for text in refused)


def all_that_keras_writes(file: h5py.File, _: Path) -> None:
    file.attrs["model_config"] = "x" * 100_000
    file.attrs["names"] = [b"a", b"b"]
    file.attrs["empty"] = h5py.Empty("f4")
    group = file.create_group("layers/dense/vars")
    group.create_dataset("0", data=np.zeros((100, 100)), compression="gzip", shuffle=True)
    group.create_dataset("1", data=np.zeros(10), compression="lzf", fletcher32=True)
    for name, kind in (("c8", "c8"), ("bool", bool), ("bfloat16", "V2"), ("half", "f2")):
        group[name] = np.zeros(3, kind)
    group["words"] = ["cat", "dog"]
    group["scalar"] = 3.0
    group["again"] = group["0"]  # one weight of two layers


def test_what_keras_writes_is_read(tmp_path: Path) -> None:
    path = write(tmp_path, all_that_keras_writes)

    with open_hdf5(path, "m.h5") as file:
        assert file["layers/dense/vars/0"].shape == (100, 100)


def test_a_virtual_dataset_is_never_asked_for_its_size(tmp_path: Path) -> None:
    """What the gate guards against: h5py itself opens the other file, and so the test can fail."""
    path = write(tmp_path, endless_virtual)
    (tmp_path / ELSEWHERE).unlink()
    with h5py.File(tmp_path / ELSEWHERE, "w") as file:
        file.create_dataset("kernel", data=np.ones((4, 25), "f4"), maxshape=(4, None))

    with h5py.File(path) as file:
        assert file["kernel"].shape == (4, 25)


def test_no_plug_in_is_looked_for(tmp_path: Path) -> None:
    h5pl.append(str(tmp_path).encode())
    check_hdf5(write(tmp_path, all_that_keras_writes), "m.h5")

    assert h5pl.size() == 0


def test_a_file_that_is_not_there_is_no_damaged_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        check_hdf5(tmp_path / "m.h5", "m.h5")


def test_damage_is_told_and_never_a_bug_of_ours(tmp_path: Path) -> None:
    content = write(tmp_path, all_that_keras_writes).read_bytes()
    changes = random.Random(0)
    path = tmp_path / "damaged.h5"
    refused = 0
    for _ in range(300):
        damaged = bytearray(content)
        for _ in range(changes.choice([1, 3, 10])):
            damaged[changes.randrange(4096)] = changes.randrange(256)
        path.write_bytes(damaged[: changes.choice([len(damaged), changes.randrange(len(damaged))])])
        try:
            with open_hdf5(path, "m.h5") as file:
                file.visititems(lambda _, item: item[()] if hasattr(item, "shape") else None)
        except PipelineError:
            refused += 1

    assert refused > 150
