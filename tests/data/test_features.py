"""Reading `.npy` files that may be anything."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from cofinal.data.features import FeatureFile, read_features, read_recipe, read_values
from cofinal.errors import CofinalError
from cofinal.records import FeatureRecipe

SOUND = np.arange(12, dtype=np.float32).reshape(3, 4)


def npy(header: bytes, body: bytes = bytes(64), version: bytes = b"\x01\x00") -> bytes:
    """A .npy file with a header of one's own, as the format's specification lays it out."""
    return b"\x93NUMPY" + version + len(header).to_bytes(2, "little") + header + body


def header(shape: str, descr: str = "'<f4'") -> bytes:
    """The text that a .npy header should be."""
    return f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()


class SideEffect:
    """Creates a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return (Path.touch, (self.path,))


@pytest.mark.parametrize("dtype", ["<f2", "<f4", ">f2", ">f4"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_saved_arrays_are_read_back(tmp_path: Path, dtype: str, order: str) -> None:
    values = np.asarray(SOUND.astype(dtype), order=order)  # type: ignore[call-overload]
    np.save(tmp_path / "a.npy", values)
    for read in (read_values(tmp_path / "a.npy"), FeatureFile.of(tmp_path / "a.npy").map()):
        np.testing.assert_array_equal(read, SOUND)
        assert read.dtype == np.dtype(dtype).newbyteorder("=")
        assert read.flags.c_contiguous and read.flags.aligned and read.flags.writeable
        np.testing.assert_array_equal(torch.from_numpy(read).numpy(), SOUND)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", [(3, 4), (1, 3, 4), (3, 1, 4), (3, 4, 1, 1), (1, 1, 12), (12, 1)])
def test_float64_and_axes_of_length_one_are_read(
    tmp_path: Path, shape: tuple[int, ...], order: str
) -> None:
    values = SOUND.astype(">f8").reshape(shape) / 3
    np.save(tmp_path / "a.npy", np.asarray(values, order=order))  # type: ignore[call-overload]
    two_axes = {(1, 1, 12): (1, 12), (12, 1): (12, 1)}.get(shape, (3, 4))
    for read in (read_values(tmp_path / "a.npy"), FeatureFile.of(tmp_path / "a.npy").map()):
        assert read.dtype == np.float32 and read.flags.c_contiguous
        np.testing.assert_array_equal(read, (SOUND.reshape(two_axes) / 3.0).astype(np.float32))


def test_a_mapped_array_takes_writes_that_the_file_never_sees(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", SOUND)
    FeatureFile.of(tmp_path / "a.npy").map()[0] = 7
    np.testing.assert_array_equal(read_values(tmp_path / "a.npy"), SOUND)


def test_a_header_of_odd_length_is_mapped_as_it_is_read(tmp_path: Path) -> None:
    odd = b"{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4)}"
    odd += b" " * (1 - (10 + len(odd)) % 2)
    assert (10 + len(odd)) % 4  # so that the values are not aligned
    (tmp_path / "a.npy").write_bytes(npy(odd, SOUND.astype("<f4").tobytes()))
    np.testing.assert_array_equal(FeatureFile.of(tmp_path / "a.npy").map(), SOUND)


@pytest.mark.parametrize("change", ["shrunk", "gone"])
def test_a_file_that_changed_since_its_header_was_read_gets_a_sentence(
    tmp_path: Path, change: str
) -> None:
    np.save(tmp_path / "a.npy", SOUND)
    file = FeatureFile.of(tmp_path / "a.npy")
    (tmp_path / "a.npy").unlink()
    if change == "shrunk":
        np.save(tmp_path / "a.npy", SOUND[:1])
    for use in (file.read, file.map):
        with pytest.raises(CofinalError, match=r"cannot read .*a\.npy"):
            use()


def test_headers_of_python_2_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.npy").write_bytes(npy(header("(3L, 4L)"), SOUND.tobytes()))
    np.testing.assert_array_equal(read_values(tmp_path / "a.npy"), SOUND)


def test_version_2_headers_are_read(tmp_path: Path) -> None:
    with (tmp_path / "a.npy").open("wb") as stream:
        np.lib.format.write_array(stream, SOUND, version=(2, 0))
    np.testing.assert_array_equal(read_values(tmp_path / "a.npy"), SOUND)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty"),
        (b"not an array at all", "is not a .npy file"),
        (b"\x93NUMPY", "is not a .npy file"),
        (npy(header("(3, 4)"))[:20], "is not a .npy file"),
        (npy(header("(3, 4)"), bytes(47)), "is truncated: 47 of 48 bytes"),
        (npy(header("(10**12, 1024)")), "is not a .npy file"),
        (npy(header("(1000000000000, 1024)")), "is truncated: 64 of 4096000000000000 bytes"),
        (npy(header("(99999999999999999999, 99999999999999999999)")), "is truncated"),
        (npy(header("(-1, 4)")), "has shape"),
        (npy(header("(-1, -4)")), "has shape"),
        (npy(header("(0, 4)"), b""), "has shape"),
        (npy(header("(12,)")), "has shape"),
        (npy(header("(2, 3, 4)")), "has shape (2, 3, 4); expected (clips, channels)"),
        (npy(header("(1, 1, 0)"), b""), "has shape"),
        (npy(header("()")), "has shape"),
        (npy(header("(3, 4)", "'<c8'"), bytes(96)), "holds complex64"),
        (npy(header("(3, 4)", "'<i4'")), "holds int32"),
        (npy(header("(3, 4)", "'|O'")), "holds object"),
        (npy(header("(3, 4)", "'f4,f4'"), bytes(96)), "expected floating-point features"),
        (npy(header("(3, 4)", "(1, 2)")), "is not a .npy file"),
        (npy(b"{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4)"), "is not a .npy file"),
        (npy(b"(" * 9000), "is not a .npy file"),
        (npy(b"-" * 9000 + b"1"), "is not a .npy file"),
        (npy(b"{[]: 1}"), "is not a .npy file"),
        (npy(b"{'a': 1, 2: 3}"), "is not a .npy file"),
        (npy(header("(3, 4)"), version=b"\x09\x00"), "is not a .npy file"),
    ],
)
def test_unusable_content_gets_a_sentence(tmp_path: Path, content: bytes, sentence: str) -> None:
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(CofinalError, match=r"a\.npy") as caught:
        read_values(tmp_path / "a.npy")
    assert sentence in str(caught.value)


def test_a_pickled_array_is_refused_and_its_code_does_not_run(tmp_path: Path) -> None:
    harmed = tmp_path / "harmed"
    hostile = np.empty((2, 2), dtype=object)
    hostile[:] = SideEffect(harmed)
    np.save(tmp_path / "a.npy", hostile, allow_pickle=True)
    with pytest.raises(CofinalError, match="holds object"):
        read_values(tmp_path / "a.npy")
    assert not harmed.exists()
    np.load(tmp_path / "a.npy", allow_pickle=True)
    assert harmed.exists()  # the trap was armed


def test_a_bare_pickle_is_refused_and_its_code_does_not_run(tmp_path: Path) -> None:
    harmed = tmp_path / "harmed"
    (tmp_path / "a.npy").write_bytes(pickle.dumps(SideEffect(harmed)))
    with pytest.raises(CofinalError, match=r"is not a \.npy file"):
        read_values(tmp_path / "a.npy")
    assert not harmed.exists()


def test_a_missing_file_and_a_folder_get_a_sentence(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.npy", tmp_path):
        with pytest.raises(CofinalError, match="cannot read"):
            read_values(path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(
    text=st.one_of(
        st.binary(max_size=80), st.text("(){}[]'\",:L-0123456789abf<\n ").map(str.encode)
    )
)
def test_any_header_is_read_or_refused_in_a_sentence(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "a.npy").write_bytes(npy(text))
    with pytest.raises(CofinalError):
        read_values(tmp_path / "a.npy")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(
    values=arrays.arrays(
        np.float16, arrays.array_shapes(min_dims=2, max_dims=2), elements=st.just(1)
    ),
    cut=st.integers(1, 10_000),
)
def test_every_truncation_is_noticed(tmp_path: Path, values: np.ndarray, cut: int) -> None:
    np.save(tmp_path / "a.npy", values)
    whole = (tmp_path / "a.npy").read_bytes()
    (tmp_path / "a.npy").write_bytes(whole[: -min(cut, len(whole))])
    with pytest.raises(CofinalError):
        read_values(tmp_path / "a.npy")


def test_features_take_name_and_recipe_from_where_they_lie(tmp_path: Path) -> None:
    np.save(tmp_path / "17.npy", SOUND)
    videos = '{"17": {"first_clip_seconds": 0.2, "clips": 7}, "18": {"clips": 3}}'
    (tmp_path / "features.json").write_text(f'{{"backbone": "b", "fps": 25.0, "videos": {videos}}}')
    features = read_features(tmp_path / "17.npy")
    assert (features.id, features.first_clip_seconds) == ("17", 0.2)
    assert features.recipe == FeatureRecipe(backbone="b", fps=25.0)
    (tmp_path / "features.json").write_text('{"videos": {"17": {"first_clip_seconds": "soon"}}}')
    with pytest.raises(CofinalError, match="first_clip_seconds 'soon'; expected a finite number"):
        read_features(tmp_path / "17.npy")


def test_features_without_a_description_have_an_empty_recipe(tmp_path: Path) -> None:
    assert read_recipe(tmp_path) == FeatureRecipe()


@pytest.mark.parametrize("text", ["[1]", "{", "3"])
def test_a_damaged_description_gets_a_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / "features.json").write_text(text)
    with pytest.raises(CofinalError, match=r"features\.json"):
        read_recipe(tmp_path)
