"""Files of strangers as text, JSON and TOML: values, or one sentence; never a wait or a trace."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from cofinal.errors import CofinalError
from cofinal.files.arrays import read_array, read_arrays
from cofinal.files.reading import read_json, read_text, read_toml
from cofinal.files.states import load_state


@pytest.mark.parametrize(
    "read",
    [
        read_text,
        lambda path: read_json(path, "a file"),
        lambda path: read_toml(path, "preset"),
        lambda path: read_array(path, "an array"),
        lambda path: read_arrays(path, ["a"], "arrays"),
        load_state,
    ],
)
def test_pipes_and_devices_are_refused_instead_of_waited_for(tmp_path: Path, read) -> None:  # type: ignore[no-untyped-def]
    os.mkfifo(tmp_path / "pipe")
    for path, what in ((tmp_path / "pipe", "a pipe"), (Path("/dev/zero"), "a device")):
        with pytest.raises(CofinalError, match=f"it is {what}"):
            read(path)
    with pytest.raises(CofinalError, match="it is a folder"):
        read(tmp_path)
    with pytest.raises(CofinalError, match=r"cannot read .*null"):
        read(Path("a\0b"))


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_text_is_read_whatever_ends_its_lines(tmp_path: Path, ends: str) -> None:
    (tmp_path / "a.csv").write_bytes(b"\xef\xbb\xbf" + ends.join(["id,é", "1,2", ""]).encode())
    assert read_text(tmp_path / "a.csv") == "id,é\n1,2\n"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ('{"a": {"b": 1, "b": 2}}', "'b' is there twice, keep one"),
        ('{"a": ["\\u0000"]}', "control character '\\\\x00'"),
        ('{"\\ud800": 1}', r"control character '\\ud800'"),
        ("[" * 100_000, "nested too deep"),
        ("9" * 5000, r"Exceeds the limit \(4300 digits\) [^;]* has 5000 digits\)"),
    ],
)
def test_json_that_readers_would_take_in_two_ways_gets_a_sentence(
    tmp_path: Path, content: str, sentence: str
) -> None:
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(CofinalError, match=sentence):
        read_json(tmp_path / "a.json", "a file")


def test_json_keeps_its_letters_and_numbers(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"\\u00e9": [1, 2.5, null, "\\ud83d\\ude00\\n"]}')
    assert read_json(tmp_path / "a.json", "a file") == {"é": [1, 2.5, None, "😀\n"]}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("a = " + "[" * 100_000, "nested too deep"),
        ("a = " + "9" * 5000, "5000 digits"),
        ('a = "\\u0000"', "control character"),
        ("a = 1\na = 2", "overwrite"),
    ],
)
def test_toml_that_cannot_be_read_gets_a_sentence(
    tmp_path: Path, content: str, sentence: str
) -> None:
    (tmp_path / "a.toml").write_text(content)
    with pytest.raises(CofinalError, match=sentence):
        read_toml(tmp_path / "a.toml", "preset")


def test_a_hostile_header_of_an_array_asks_for_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    np.save(path, np.arange(6.0).reshape(1, 3, 2))
    assert read_array(path, "an array").tolist() == [[[0, 1], [2, 3], [4, 5]]]
    sound = path.read_bytes()
    for shape, sentence in (
        (b"(9999999999999, 3, 2), }", "it is truncated"),
        (b"(True, 3, 2), }", r"shape \(True, 3, 2\)"),
        (b"(-1, 3, 2), }", r"shape \(-1, 3, 2\)"),
    ):
        changed = sound.replace(b"(1, 3, 2), }".ljust(len(shape)), shape)
        assert changed != sound
        path.write_bytes(changed)
        with pytest.raises(CofinalError, match=sentence):
            read_array(path, "an array")


def test_packed_zeros_that_fill_the_memory_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cofinal.files.arrays.LARGEST_UNPACKED", 10_000)
    np.savez_compressed(tmp_path / "a.npz", a=np.zeros(2000), b=np.ones(2))
    assert read_arrays(tmp_path / "a.npz", ["b"], "arrays")["b"].tolist() == [1, 1]
    with pytest.raises(CofinalError, match="unpacked it has more than 10,000 bytes"):
        read_arrays(tmp_path / "a.npz", ["a"], "arrays")
    with pytest.raises(CofinalError, match=r"no item named 'c.npy'"):
        read_arrays(tmp_path / "a.npz", ["c"], "arrays")


def test_a_tensor_whose_strides_are_zero_is_refused(tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(2, 2), "b": torch.zeros(1).expand(10**12)}, tmp_path / "a.pt")
    with pytest.raises(CofinalError, match="has too few numbers"):
        load_state(tmp_path / "a.pt")


def test_a_sentence_stays_on_one_line_and_commands_no_terminal() -> None:
    told = CofinalError("a\nb\x1b[31m\u2028\ud800 é 😀")
    assert str(told) == "a\\nb\\x1b[31m\\u2028\\ud800 é 😀"


def test_an_archive_damaged_anywhere_gets_a_sentence_or_gives_what_it_held(tmp_path: Path) -> None:
    path, values = tmp_path / "a.npz", np.random.default_rng(0).normal(size=40)
    np.savez_compressed(path, a=values)
    sound, refused = path.read_bytes(), 0
    for place in range(0, len(sound), 3):
        path.write_bytes(sound[:place] + bytes([sound[place] ^ 0x55]) + sound[place + 1 :])
        try:
            np.testing.assert_array_equal(read_arrays(path, ["a"], "arrays")["a"], values)
        except CofinalError:
            refused += 1
    assert refused > len(sound) / 6
