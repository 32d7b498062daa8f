"""Inputs that the manifest gives: arrays and images."""

import io
import pickle
import random
import resource
import struct
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fuzzed_archives import mutate

from pipeline.errors import ManifestError
from pipeline.proof.inputs.contract_facts import derive_range
from pipeline.proof.inputs.test_inputs import list_files, load_test_inputs, write_test_inputs
from pipeline.proof.vector_files import load_vectors
from pipeline.records.contract import InputContract
from pipeline.records.signature import TensorSpec

Specs = list[TensorSpec]


def tensor(name: str, dtype: str, shape: Sequence[int | None]) -> TensorSpec:
    return TensorSpec(name=name, dtype=dtype, shape=tuple(shape))


IMAGE = [tensor("image", "float32", [None, 4, 6, 3])]
BYTES = [tensor("image", "uint8", [1, 4, 6, 3])]
FIRST = [tensor("image", "float32", [1, 3, 4, 6])]
GRAY = [tensor("image", "float32", [None, 4, 6, 1])]
ANY = [tensor("image", "float32", [None, None, None, 3])]
TWO = [tensor("a", "float32", [None, 2]), tensor("b", "int64", [None])]
TEXT = [tensor("text", "string", [None])]


def load(entry: Any, root: Path, specs: Specs = TWO, **facts: Any) -> Any:
    contracts = {
        specs[0].name: derive_range(InputContract(**facts, evidence=dict.fromkeys(facts, "")))
    }
    (inputs,) = load_test_inputs([entry], root=root, specs=specs, contracts=contracts)
    return inputs


@pytest.fixture
def root(tmp_path: Path) -> Path:
    a, b = np.ones((3, 2)), np.array([1, 2, 3])
    np.savez(tmp_path / "both.npz", a=a, b=b)
    np.save(tmp_path / "a.npy", a)
    np.save(tmp_path / "b.npy", b)
    np.save(tmp_path / "text.npy", np.array(["grüße", "x"]))
    return tmp_path


@pytest.fixture
def photo(root: Path) -> str:
    """Write a picture twice as large as the inputs: left half black, right half white."""
    image = pytest.importorskip("PIL.Image")
    pixels = np.zeros((8, 12, 3), np.uint8)
    pixels[:, 6:] = 255
    image.fromarray(pixels).save(root / "photo.png")
    return "photo.png"


def test_an_npz_file_has_an_array_per_input(root: Path) -> None:
    inputs = load("both.npz", root)

    assert {name: values.dtype.name for name, values in inputs.items()} == {
        "a": "float32",
        "b": "int32",
    }
    assert inputs["b"].tolist() == [1, 2, 3]


def test_a_mapping_names_a_file_per_input(root: Path) -> None:
    assert load({"a": "a.npy", "b": "b.npy"}, root)["a"].shape == (3, 2)


def test_one_file_is_enough_for_one_input(root: Path) -> None:
    assert load("text.npy", root, TEXT)["text"].tolist() == ["grüße".encode(), b"x"]


def test_several_runs_are_listed(root: Path) -> None:
    entries: list[Any] = ["both.npz", {"a": "a.npy", "b": "b.npy"}]

    assert len(load_test_inputs(entries, root=root, specs=TWO, contracts={})) == 2
    assert list_files([*entries, "photo.jpg#-1..1"]) == ["both.npz", "a.npy", "b.npy", "photo.jpg"]


def test_inputs_are_handed_on_as_vectors(root: Path, tmp_path_factory: Any) -> None:
    folder = tmp_path_factory.mktemp("given")
    write_test_inputs(folder, [load("both.npz", root)])

    (vector,) = load_vectors(folder).vectors
    assert vector.inputs["b"].tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("specs", "stated", "expected"),
    [
        pytest.param(IMAGE, "", (0, 1), id="float"),
        pytest.param(IMAGE, "#-1..1", (-1, 1), id="stated range"),
        pytest.param(IMAGE, "#0..255", (0, 255), id="stated bytes"),
        pytest.param(BYTES, "", (0, 255), id="uint8"),
    ],
)
def test_an_image_is_brought_to_size_and_range(
    root: Path, photo: str, specs: Specs, stated: str, expected: tuple[float, float]
) -> None:
    values = load(photo + stated, root, specs)["image"]

    assert values.shape == (1, 4, 6, 3)
    assert values[0, :, 0].tolist() == [[expected[0]] * 3] * 4
    assert values[0, :, 5].tolist() == [[expected[1]] * 3] * 4


def test_the_range_that_the_graph_is_made_for_is_taken(root: Path, photo: str) -> None:
    values = load(photo, root, IMAGE, range=(0, 255))["image"]

    assert values.max() == 255


def test_an_image_becomes_channels_first_or_gray_or_stays_as_large_as_it_is(
    root: Path, photo: str
) -> None:
    first = load(photo, root, FIRST)["image"]

    assert first.shape == (1, 3, 4, 6)
    assert first[0, :, 0, 5].tolist() == [1, 1, 1]
    assert load(photo, root, GRAY)["image"].shape == (1, 4, 6, 1)
    assert load(photo, root, ANY)["image"].shape == (1, 8, 12, 3)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        pytest.param("no.npz", r"test_inputs\[0\] \(no.npz\): no such file", id="missing"),
        pytest.param({"a": "no.npy", "b": "b.npy"}, r"\[0\].a \(no.npy\): no such", id="npy"),
        pytest.param({"a": "a.npy"}, "nothing for the input b", id="input missing"),
        pytest.param(
            {"a": "a.npy", "b": "b.npy", "bb": "b.npy"},
            "no input 'bb'; it has a, b; did you mean 'b'",
            id="unknown input",
        ),
        pytest.param("a.npy", "one file; the model has the inputs a, b", id="one for two"),
        pytest.param({"a": "b.npy", "b": "b.npy"}, r"shape \(3,\); expected \(\?, 2\)", id="shape"),
        pytest.param({"a": "a.npy", "b": "fractions.npy"}, "fractions; expected int64", id="float"),
        pytest.param({"a": "text.npy", "b": "b.npy"}, "shape|expected float32", id="dtype"),
        pytest.param({"a": "both.npz", "b": "b.npy"}, "holds several arrays", id="npz inside"),
        pytest.param("broken.npz", "not an .npz file", id="broken npz"),
        pytest.param({"a": "objects.npy", "b": "b.npy"}, "not an .npy file", id="pickle"),
    ],
)
def test_what_does_not_fit_is_said_with_its_place(root: Path, entry: Any, message: str) -> None:
    np.save(root / "fractions.npy", np.array([0.5]))
    np.save(root / "objects.npy", np.array([{}], object), allow_pickle=True)
    (root / "broken.npz").write_bytes(b"PK\x03\x04 broken")

    with pytest.raises(ManifestError, match=message):
        load(entry, root)


def test_numbers_outside_of_a_byte_are_refused(root: Path) -> None:
    np.save(root / "image.npy", np.full((1, 4, 6, 3), 256))

    with pytest.raises(ManifestError, match="numbers from 256 to 256; expected uint8"):
        load("image.npy", root, BYTES)


@pytest.mark.usefixtures("photo")
@pytest.mark.parametrize(
    ("file", "specs", "message"),
    [
        pytest.param("notes.txt", IMAGE, "not an image that Pillow reads", id="no image"),
        pytest.param("gone.png", IMAGE, "no such file", id="missing"),
        pytest.param("photo.png", TEXT, r"an image for an input of shape \(\?,\)", id="no picture"),
        pytest.param(
            "photo.png",
            [tensor("x", "float32", [1, 32, 32, 8])],
            "input of 8 channels",
            id="channels",
        ),
    ],
)
def test_images_that_do_not_fit_are_refused(
    root: Path, file: str, specs: Specs, message: str
) -> None:
    (root / "notes.txt").write_text("notes")

    with pytest.raises(ManifestError, match=message):
        load(file, root, specs)


def npy(shape: Any, descr: Any = "<f4", *, content: bytes = b"", fortran: Any = False) -> bytes:
    """Return an .npy file whose header says this."""
    text = repr({"descr": descr, "fortran_order": fortran, "shape": shape}).encode()
    return b"\x93NUMPY\x01\0" + struct.pack("<H", len(text)) + text + content


def npz(method: int = zipfile.ZIP_STORED, **members: bytes) -> bytes:
    """Return an .npz file of such members."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", method) as archive:
        for name, body in members.items():
            archive.writestr(f"{name}.npy", body)
    return content.getvalue()


HOSTILE_ARRAYS = {
    "empty": b"",
    "half a magic string": b"\x93NUM",
    "no magic string": b"\x94NUMPY\x01\0" + bytes(100),
    "a version to come": b"\x93NUMPY\x09\0" + bytes(100),
    "a header of 4 GiB": b"\x93NUMPY\x02\0\xff\xff\xff\xff" + bytes(100),
    "a header of 60 KB": b"\x93NUMPY\x01\0\xff\xff" + b"(" * 65535,
    "no header": b"\x93NUMPY\x01\0\0\0",
    "a header of brackets": b"\x93NUMPY\x01\0\x10\x27" + b"[" * 10_000,
    "a header of code": b"\x93NUMPY\x01\0\x20\0" + b"__import__('os').system('x')    ",
    "a header of digits": b"\x93NUMPY\x01\0\x10\x27" + b"9" * 10_000,
    "not a shape": npy("x"),
    "a negative shape": npy((-1, 2)),
    "a shape beyond all": npy((99999999999, 4)),
    "a shape of many axes": npy((1,) * 200),
    "a shape of nothing": npy((0, 2**62)),
    "a shape of fractions": npy((1.5, 2)),
    "values that are not there": npy((3, 2), content=b"1234"),
    "objects": npy((3, 2), "|O", content=pickle.dumps([1])),
    "records with objects": npy((1,), [("a", "|O")]),
    "no type": npy((1,), "nonsense"),
    "items of nothing": npy((10**12,), "|V0"),
    "texts of nothing": npy((10**12,), "<U0"),
    "huge items": npy((1,), "|V2147483647"),
    "an order of nonsense": npy((1, 2), fortran="x"),
}


@pytest.mark.parametrize("name", HOSTILE_ARRAYS)
@pytest.mark.parametrize("packed", [None, zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_hostile_arrays_are_refused_in_one_sentence(
    root: Path, name: str, packed: int | None
) -> None:
    content = HOSTILE_ARRAYS[name]
    entry: Any = {"a": "x.npy", "b": "b.npy"}
    if packed is not None:
        content, entry = npz(packed, a=content, b=npy((1,), content=b"1234")), "x.npz"
    (root / ("x.npy" if packed is None else "x.npz")).write_bytes(content)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    with pytest.raises(ManifestError, match=r"^test_inputs\[0\]") as caught:
        load(entry, root)
    assert "x.np" in caught.value.message or "expected (?, 2)" in caught.value.message
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 300
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 1024


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(
            npz(zipfile.ZIP_DEFLATED, a=bytes(2 * 1024**2), b=b""),
            "takes 2 MiB; expected at most 1 MiB",
            id="zeros",
        ),
        pytest.param(npz(zipfile.ZIP_BZIP2, a=npy((1,)), b=b""), "as numpy does", id="bzip2"),
        pytest.param(npz(zipfile.ZIP_LZMA, a=npy((1,)), b=b""), "as numpy does", id="lzma"),
        pytest.param(npz(c=b""), "the model has no input 'c'", id="another name"),
        pytest.param(npz(a=b"", b=b"")[:-30], "damaged or truncated zip", id="cut short"),
        pytest.param(b"PK\x01\x02" * 200_001, "more than 200000 files", id="many entries"),
        pytest.param(b"\x93NUMPY", "not an .npz file", id="npy"),
    ],
)
def test_hostile_archives_of_arrays_are_refused(
    root: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, message: str
) -> None:
    monkeypatch.setattr("pipeline.proof.inputs.array_files.MAX_INPUT_BYTES", 1024**2)
    (root / "x.npz").write_bytes(content)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    with pytest.raises(ManifestError, match=message):
        load("x.npz", root)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 1024


def test_arrays_with_random_faults(root: Path) -> None:
    random_ = random.Random(5)
    np.savez_compressed(root / "packed.npz", a=np.ones((3, 2)), b=np.array([1, 2, 3]))
    wholes = {name: (root / name).read_bytes() for name in ("a.npy", "both.npz", "packed.npz")}
    refused = 0
    for number in range(900):
        name = [*wholes][number % 3]
        (root / f"x-{name}").write_bytes(mutate(wholes[name], random_))
        entry = f"x-{name}" if name.endswith(".npz") else {"a": f"x-{name}", "b": "b.npy"}
        try:
            load(entry, root)
        except ManifestError as error:
            refused += error.message.isprintable()

    assert refused > 500


def test_arrays_are_read_as_numpy_reads_them(root: Path) -> None:
    a = np.asfortranarray(np.arange(6, dtype=">f8").reshape(3, 2))
    np.save(root / "a.npy", a)
    np.save(root / "a2.npy", a)
    with (root / "a2.npy").open("wb") as file:
        np.lib.format.write_array(file, a, version=(2, 0))  # type: ignore[no-untyped-call]

    for name in ("a.npy", "a2.npy"):
        assert load({"a": name, "b": "b.npy"}, root)["a"].tolist() == [[0, 1], [2, 3], [4, 5]]


def png(width: int, height: int) -> bytes:
    """Return the beginning of a PNG image of any size."""
    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n\0\0\0\r" + head + struct.pack(">I", zlib.crc32(head))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(png(2**31 - 1, 2**31 - 1), "of at most 89 million pixels", id="beyond all"),
        pytest.param(png(10_000, 10_000), "of at most 89 million pixels", id="a bomb"),
        pytest.param(png(0, 0), "not an image that Pillow reads", id="nothing"),
        pytest.param(png(8, 12), "not an image that Pillow reads", id="cut short"),
        pytest.param(b"P6 100 100 255 " + bytes(9), "expected PNG, JPEG, WEBP, GIF", id="ppm"),
        pytest.param(b"%!PS-Adobe-3.0 EPSF-3.0\n", "expected PNG, JPEG", id="PostScript"),
        pytest.param(b"II*\0\x08\0\0\0", "expected PNG, JPEG", id="tiff"),
        pytest.param(b"GIF89a\xff\xff\xff\xff", "expected PNG, JPEG", id="gif"),
        pytest.param(b"BM" + b"\xff" * 60, "expected PNG, JPEG", id="bmp"),
    ],
)
def test_hostile_images_are_refused(root: Path, content: bytes, message: str) -> None:
    (root / "x.png").write_bytes(content)

    with pytest.raises(ManifestError, match=message) as caught:
        load("x.png", root, ANY)
    assert caught.value.message.startswith("test_inputs[0].image (x.png): not an image")


@pytest.mark.usefixtures("photo")
def test_images_with_random_faults(root: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    random_, refused = random.Random(5), 0
    for kind in ("png", "jpeg", "webp", "gif", "bmp"):
        image.open(root / "photo.png").save(root / f"photo.{kind}")
        whole = (root / f"photo.{kind}").read_bytes()
        for _ in range(100):
            (root / "x.jpg").write_bytes(mutate(whole, random_))
            try:
                load("x.jpg", root, ANY)
            except ManifestError as error:
                refused += error.message.isprintable()

    assert refused > 150


@pytest.mark.usefixtures("photo")
def test_an_image_for_a_huge_input_is_refused_before_it_is_made(root: Path) -> None:
    specs = [tensor("image", "float32", [1, 60_000, 60_000, 3])]

    with pytest.raises(ManifestError, match=r"takes 80\.5 GiB; expected at most 1 GiB"):
        load("photo.png", root, specs)


def test_an_image_has_the_colors_and_the_scale_of_the_contract(root: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    pixels = np.zeros((4, 6, 3), np.uint8)
    pixels[...] = (10, 20, 30)
    image.fromarray(pixels).save(root / "color.png")
    facts = {"mean": [1.0, 2.0, 3.0], "std": [1.0, 2.0, 4.0]}

    made = load("color.png", root, IMAGE, color="bgr", **facts)["image"]
    assert made[0, 0, 0].tolist() == [(30 - 1) / 1, (20 - 2) / 2, (10 - 3) / 4]
    assert load("color.png#0..1", root, IMAGE, **facts)["image"].max() == np.float32(30 / 255)


@pytest.mark.parametrize(
    ("resize", "expected"),
    [
        pytest.param("stretch", ["..##"] * 4, id="stretch"),
        pytest.param("crop", ["..##"] * 4, id="crop"),
        pytest.param("letterbox", ["....", "..##", "..##", "...."], id="letterbox"),
    ],
)
def test_an_image_is_resized_as_the_contract_says(
    root: Path, resize: str, expected: list[str]
) -> None:
    image = pytest.importorskip("PIL.Image")
    pixels = np.zeros((4, 8, 3), np.uint8)
    pixels[:, 4:] = 255
    if resize == "crop":
        pixels[:, :2], pixels[:, 6:] = 255, 0
    image.fromarray(pixels).save(root / "wide.png")
    specs = [tensor("image", "float32", [1, 4, 4, 3])]

    made = load("wide.png", root, specs, range=(0, 255), resize=resize)["image"]
    rows = ["".join("#" if value > 127 else "." for value in row) for row in made[0, ..., 0]]
    assert rows == expected
