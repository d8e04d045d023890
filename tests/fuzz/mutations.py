"""Changes to sound files: of bytes, of words and lines, and of values in trees; all by a seed."""

from __future__ import annotations

import copy
import json
import re
import struct
from collections.abc import Callable
from random import Random
from typing import Any

import numpy as np
import torch

# What strangers, spreadsheets, other programs and enemies write where a value should be.
WORDS = (
    *("", " ", "0", "-1", "1", "nan", "inf", "-inf", "1e999", "1e-320", "1e308", "0x10", "1_000"),
    *(
        "\uff11\uff12",
        "\u00b2",
        "\u0663",
        "1,5",
        "9" * 5000,
        "-" + "9" * 400,
        "true",
        "null",
        "None",
        "TRUE",
    ),
    *("x" * 300, "x" * 140_000, "\x1b[31mred", "a\tb", "a\rb", "a\x00b", "a\u2028b", "\ufeff"),
    *(
        "../../outside",
        "/etc/passwd",
        ".hidden",
        "a/b",
        "a\\b",
        "CON",
        "=cmd()",
        "<script>alert(1)",
    ),
    *(
        "e\u0301",
        "é",
        "😀",
        "\u202ereversed",
        '"',
        "'",
        "[",
        "{",
        "]",
        "}",
        ",",
        ";",
        "#",
        "%s",
        "{0}",
    ),
    *("[" * 3000, "{" * 3000, "4294967296", "9223372036854775808", "18446744073709551616"),
    *("1:05", "99:99", "2026-11-25", "test", "train", "id", "score"),
)
# The same for values of JSON, and of what else holds values.
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2, 1.5, -0.0, 1e-320, 1e308, 10**9, 2**31, 2**63, 10**400),
    *(
        float("nan"),
        float("inf"),
        -float("inf"),
        "",
        "x",
        "x" * 300,
        "\x1b[31m",
        "\u0000",
        "\ud800",
    ),
    *("native", "nan", "1", "../../outside", [], {}, [[]], [1, 2], ["a", "a"], {"a": 1}, [None]),
    *([1e308] * 3, [[1.0, 2.0], [3.0]], {"": ""}, "9" * 5000),
)
NAMES = ("", "x", "x" * 300, "id", "\u0000", "../x", "__class__", "a\nb")
TOKEN = re.compile(r"[^\s,;:=\"'\[\]{}]+")
Change = Callable[[Random, bytes], bytes]


def mutated_bytes(rng: Random, content: bytes) -> bytes:
    """One to four changes of single bytes or stretches."""
    found = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        at = rng.randrange(len(found) + 1)
        size = min(rng.choice((1, 1, 2, 4, 8, 64, 1024)), len(found) - at)
        way = rng.randrange(8)
        if way == 0 and size:
            found[at] ^= 1 << rng.randrange(8)
        elif way == 1 and size:
            found[at] = rng.randrange(256)
        elif way == 2:
            del found[at : at + size]
        elif way == 3:
            found[at:at] = found[at : at + size]
        elif way == 4:
            found[at:at] = rng.randbytes(size or 1)
        elif way == 5:
            found[at : at + size] = rng.choice((b"\0", b"\xff", b"\x7f")) * size
        elif way == 6:
            del found[at:]
        else:
            numbers = (0, 1, 2**7, 2**15, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**64 - 1)
            kind = rng.choice(("<I", ">I", "<Q", ">Q"))
            number = rng.choice(numbers) % 2 ** (8 * struct.calcsize(kind))
            found[at : at + struct.calcsize(kind)] = struct.pack(kind, number)
    return bytes(found)


def mutated_text(rng: Random, content: bytes) -> bytes:
    """One to three changes of words, cells or lines; now and then of bytes."""
    if rng.random() < 0.15:
        return mutated_bytes(rng, content)
    text = content.decode("utf-8", "replace")
    for _ in range(rng.choice((1, 1, 2, 3))):
        text = _changed_text(rng, text)
    ends = rng.choice(("\n", "\n", "\n", "\r\n", "\r"))
    return text.replace("\n", ends).encode(rng.choice(("utf-8", "utf-8", "utf-8-sig")), "replace")


def _changed_text(rng: Random, text: str) -> str:
    lines = text.split("\n")
    at = rng.randrange(len(lines))
    way = rng.randrange(10)
    if way < 5:
        tokens = list(TOKEN.finditer(text))
        if not tokens:
            return text + rng.choice(WORDS)
        token = rng.choice(tokens)
        word = rng.choice(WORDS) if rng.random() < 0.8 else rng.choice(tokens)[0]
        return text[: token.start()] + word + text[token.end() :]
    if way == 5:
        del lines[at]
    elif way == 6:
        lines.insert(rng.randrange(len(lines) + 1), lines[at])
    elif way == 7:
        other = rng.randrange(len(lines))
        lines[at], lines[other] = lines[other], lines[at]
    elif way == 8:
        place = rng.randrange(len(lines[at]) + 1)
        lines[at] = lines[at][:place] + rng.choice(WORDS) + lines[at][place:]
    else:
        lines[at] = lines[at] + rng.choice((",", "\t", ",x", ",1,2", " ")) * rng.choice((1, 3, 500))
    return "\n".join(lines)


def mutated_json(rng: Random, content: bytes) -> bytes:
    """A changed value of JSON, or a changed text of it."""
    if rng.random() < 0.3:
        return mutated_text(rng, content)
    try:
        value = mutated_value(rng, json.loads(content))
    except (ValueError, RecursionError):  # changed before
        return mutated_text(rng, content)
    ascii_only = rng.random() < 0.7
    return json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "replace")


def mutated_value(rng: Random, value: Any) -> Any:
    """A tree of values in which one to three places have others."""
    found = copy.deepcopy(value)
    for _ in range(rng.choice((1, 1, 2, 3))):
        places = list(_places(found))
        if not places:
            return rng.choice(VALUES)
        holder, place = rng.choice(places)
        _change(rng, holder, place)
    return found if rng.random() < 0.98 else rng.choice(VALUES)


def _places(value: Any) -> Any:
    if isinstance(value, dict):
        for name, entry in value.items():
            yield value, name
            yield from _places(entry)
    elif isinstance(value, list):
        # A long list is a few places: what is wrong with one entry is wrong with all.
        for place in range(len(value)) if len(value) < 8 else (0, 1, len(value) - 1):
            yield value, place
            yield from _places(value[place])


def _change(rng: Random, holder: Any, place: Any) -> None:
    way = rng.randrange(8)
    entry = holder[place]
    if way < 4:
        holder[place] = _other(rng, entry)
    elif way == 4:
        del holder[place]
    elif way == 5:
        if isinstance(holder, dict):
            holder[rng.choice((*NAMES, *map(str, holder)))] = rng.choice(
                (entry, rng.choice(VALUES))
            )
        else:
            holder.insert(place, copy.deepcopy(entry))
    elif way == 6:
        holder[place] = rng.choice(([entry], {"x": entry}, str(entry)[:50], [entry] * 50))
    else:
        holder[place] = rng.choice(VALUES)


def _other(rng: Random, entry: Any) -> Any:
    """Another value of the same kind, as far as there is one."""
    if isinstance(entry, np.ndarray):
        return mutated_array(rng, entry)
    if torch.is_tensor(entry):
        return mutated_tensor(rng, entry)
    if isinstance(entry, bool):
        return not entry
    if isinstance(entry, int | float) and abs(entry) < 1e300:
        numbers = (0, -1, 1, 2, entry * 2, -entry, entry + 1, entry * 0.3, 10**9, 10**400, 1e308)
        return rng.choice((*numbers, float("nan"), float("inf"), 5e-324, str(entry), True))
    if isinstance(entry, str):
        return rng.choice((*WORDS[:30], entry + "x", entry.upper(), entry * 2, [entry], 7))
    return rng.choice(VALUES)


def mutated_array(rng: Random, array: np.ndarray) -> np.ndarray:
    """Another shape, another kind of numbers, or other numbers."""
    way = rng.randrange(7)
    if way == 0:
        axis = rng.randrange(max(array.ndim, 1))
        return np.repeat(array, 2, axis) if array.ndim else np.stack([array, array])
    if way == 1:
        return array[..., None] if rng.random() < 0.5 else array.reshape(-1)
    if way == 2:
        kind = rng.choice(("f2", "f4", "f8", "i1", "i8", "u1", "?", "c8", ">f4"))
        with np.errstate(all="ignore"):
            return array.astype(kind) if array.dtype.kind in "fiub" else np.zeros(array.shape, kind)
    if way == 3 and array.ndim:
        return array[:0] if rng.random() < 0.5 else array[: max(len(array) // 2, 1)]
    if way == 4:
        return np.zeros(rng.choice(((), (0,), (1,), (1, 1), (3, 0))), array.dtype)
    found = array.copy()
    if found.size and found.dtype.kind in "fiu":
        numbers = [0, 1, -1, 127] + (
            [np.nan, np.inf, 60_000, 1e-7] if found.dtype.kind == "f" else []
        )
        places = [rng.randrange(found.size)] if way == 5 else range(found.size)
        with np.errstate(all="ignore"):
            number = np.array(rng.choice(numbers)).astype(found.dtype)
        for place in places:
            found.flat[place] = number
    return found


def mutated_tensor(rng: Random, tensor: torch.Tensor) -> torch.Tensor:
    """As `mutated_array`; also tensors whose few numbers pass for many."""
    if tensor.numel() > 10**6:  # changed before, and no memory holds it
        return tensor
    if rng.random() < 0.2:
        number = tensor.reshape(-1)[:1].clone() if tensor.numel() else torch.zeros(1)
        sizes = (tuple(tensor.shape), (10**6, 10**6), (2**40,))
        return number.squeeze().expand(rng.choice(sizes))
    if tensor.dtype is torch.bfloat16:
        return tensor.double()
    array = mutated_array(rng, tensor.detach().cpu().numpy())
    return torch.from_numpy(np.ascontiguousarray(array.astype(array.dtype.newbyteorder("="))))


def mutated_header(rng: Random, content: bytes) -> bytes:
    """A safetensors file whose header, JSON behind its length, says something else."""
    (size,) = struct.unpack("<Q", content[:8])
    changed = mutated_json(rng, content[8 : 8 + size])
    length = len(changed) if rng.random() < 0.95 else rng.choice((0, 2**40, 2**64 - 1))
    return struct.pack("<Q", length) + changed + content[8 + size :]


def one_of(*changes: Change) -> Change:
    """Any of several changes, each as often as it is named."""
    return lambda rng, content: rng.choice(changes)(rng, content)
