"""Inputs that the manifest gives: arrays and images."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.errors import ManifestError
from pipeline.proof.tensors import load_vectors
from pipeline.proof.test_inputs import list_files, load_test_inputs, write_test_inputs

Json = dict[str, Any]


def tensor(name: str, dtype: str, shape: list[int] | None) -> Json:
    return {"name": name, "tensor": f"{name}:0", "dtype": dtype, "shape": shape}


IMAGE = {"inputs": [tensor("image", "float32", [-1, 4, 6, 3])]}
BYTES = {"inputs": [tensor("image", "uint8", [1, 4, 6, 3])]}
FIRST = {"inputs": [tensor("image", "float32", [1, 3, 4, 6])]}
GRAY = {"inputs": [tensor("image", "float32", [-1, 4, 6, 1])]}
ANY = {"inputs": [tensor("image", "float32", [-1, -1, -1, 3])]}
TWO = {"inputs": [tensor("a", "float32", [-1, 2]), tensor("b", "int64", [-1])]}
TEXT = {"inputs": [tensor("text", "string", [-1])]}


def load(entry: Any, root: Path, signature: Json = TWO, **hints: Any) -> Any:
    (inputs,) = load_test_inputs([entry], root=root, signature=signature, hints=hints)
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

    assert len(load_test_inputs(entries, root=root, signature=TWO, hints={})) == 2
    assert list_files([*entries, "photo.jpg#-1..1"]) == ["both.npz", "a.npy", "b.npy", "photo.jpg"]


def test_inputs_are_handed_on_as_vectors(root: Path, tmp_path_factory: Any) -> None:
    folder = tmp_path_factory.mktemp("given")
    write_test_inputs(folder, [load("both.npz", root)])

    (vector,) = load_vectors(folder).vectors
    assert vector.inputs["b"].tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("signature", "stated", "expected"),
    [
        pytest.param(IMAGE, "", (0, 1), id="float"),
        pytest.param(IMAGE, "#-1..1", (-1, 1), id="stated range"),
        pytest.param(IMAGE, "#0..255", (0, 255), id="stated bytes"),
        pytest.param(BYTES, "", (0, 255), id="uint8"),
    ],
)
def test_an_image_is_brought_to_size_and_range(
    root: Path, photo: str, signature: Json, stated: str, expected: tuple[float, float]
) -> None:
    values = load(photo + stated, root, signature)["image"]

    assert values.shape == (1, 4, 6, 3)
    assert values[0, :, 0].tolist() == [[expected[0]] * 3] * 4
    assert values[0, :, 5].tolist() == [[expected[1]] * 3] * 4


def test_the_range_that_the_graph_is_made_for_is_taken(root: Path, photo: str) -> None:
    values = load(photo, root, IMAGE, image={"low": 0.0, "high": 255.0})["image"]

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
    ("file", "signature", "message"),
    [
        pytest.param("notes.txt", IMAGE, "not an image that Pillow reads", id="no image"),
        pytest.param("gone.png", IMAGE, "no such file", id="missing"),
        pytest.param("photo.png", TEXT, r"an image for an input of shape \(\?,\)", id="no picture"),
        pytest.param(
            "photo.png",
            {"inputs": [tensor("x", "float32", [1, 32, 32, 8])]},
            "input of 8 channels",
            id="channels",
        ),
    ],
)
def test_images_that_do_not_fit_are_refused(
    root: Path, file: str, signature: Json, message: str
) -> None:
    (root / "notes.txt").write_text("notes")

    with pytest.raises(ManifestError, match=message):
        load(file, root, signature)
