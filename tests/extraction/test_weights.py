"""Weights: never fetched without a yes, never unpickled, always the same ones."""

from __future__ import annotations

import hashlib
import http.server
import pickle
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from formula_clips import formula_weights
from safetensors.torch import save_file

from cofinal.errors import CofinalError
from cofinal.extraction.backbones import BACKBONES, WeightFile, backbone_card
from cofinal.extraction.backbones.i3d import I3D
from cofinal.extraction.backbones.loading import NETWORKS, load_backbone, weights_sha256
from cofinal.extraction.backbones.weights import find_weights, load_state, verified_sha256

CONTENT = b"weights " * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COFINAL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def server() -> Iterator[tuple[str, list[str]]]:
    """A server that gives CONTENT for whole.pth and half of it for half.pth."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", str(len(CONTENT)))
            self.end_headers()
            self.wfile.write(CONTENT if "whole" in self.path else CONTENT[:4000])

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as served:
        thread = threading.Thread(target=served.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{served.server_port}/", asked
        served.shutdown()
        thread.join()


def test_nothing_is_fetched_without_a_yes(server: tuple[str, list[str]], cache: Path) -> None:
    url, asked = server
    weights = WeightFile("whole.pth", url + "whole.pth", "none", "none")
    with pytest.raises(CofinalError) as caught:
        find_weights(weights)
    for part in ("whole.pth", str(cache / "weights"), "--download", url):
        assert part in str(caught.value)
    assert asked == []
    path = find_weights(weights, download=True)
    assert path.read_bytes() == CONTENT
    assert find_weights(weights) == path
    assert asked == ["/whole.pth"]


def test_a_broken_download_leaves_nothing(server: tuple[str, list[str]], cache: Path) -> None:
    weights = WeightFile("half.pth", server[0] + "half.pth", "none", "none")
    with pytest.raises(CofinalError, match=r"cannot fetch .*half\.pth"):
        find_weights(weights, download=True)
    assert list((cache / "weights").iterdir()) == []


def test_offline_names_file_and_place(cache: Path) -> None:
    weights = WeightFile("w.pth", "http://127.0.0.1:9/w.pth", "none", "none")
    with pytest.raises(CofinalError, match=r"get w\.pth by other means and put it into"):
        find_weights(weights, download=True)


def test_content_is_checked_against_published_and_recorded_hashes(cache: Path) -> None:
    path = cache / "weights" / "w.pth"
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    assert find_weights(WeightFile("w.pth", "http://x", "none", "none", SHA256[:8])) == path
    with pytest.raises(CofinalError, match="expected 00000000"):
        find_weights(WeightFile("w.pth", "http://x", "none", "none", "00000000"))
    assert (cache / "weights" / "w.pth.sha256").read_text().strip() == SHA256
    path.write_bytes(CONTENT + b"!")
    with pytest.raises(CofinalError, match="damaged or another one"):
        find_weights(WeightFile("w.pth", "http://x", "none", "none"))


def test_nothing_is_written_beside_a_users_own_file(tmp_path: Path) -> None:
    path = tmp_path / "own.pth"
    path.write_bytes(CONTENT)
    assert verified_sha256(path) == SHA256
    assert [p.name for p in tmp_path.iterdir()] == ["own.pth"]


class Evil:
    """Runs code when unpickled the unsafe way."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return exec, ("raise SystemExit('unpickled')",)


def test_hostile_and_odd_checkpoints(tmp_path: Path) -> None:
    evil, text, numbers = tmp_path / "evil.pth", tmp_path / "text.pth", tmp_path / "numbers.pth"
    torch.save({"state_dict": Evil()}, evil)
    text.write_text("no checkpoint")
    torch.save({"epoch": 3}, numbers)
    (tmp_path / "raw.pth").write_bytes(pickle.dumps(Evil()))
    (tmp_path / "cut.safetensors").write_bytes(b"\xff" * 64)
    for path in (evil, text, tmp_path / "raw.pth", tmp_path / "cut.safetensors"):
        with pytest.raises(CofinalError, match="is no checkpoint of plain tensors"):
            load_state(path)
    with pytest.raises(CofinalError, match="holds no state dictionary"):
        load_state(numbers)


@pytest.mark.parametrize("module", ["numpy._core.multiarray", "numpy.core.multiarray"])
def test_a_numpy_scalar_beside_the_weights_is_let_through(tmp_path: Path, module: str) -> None:
    state = {"a": torch.ones(2)}
    content = {"meta": {"best": np.float64(0.5), "epoch": np.int64(3)}, "state_dict": state}
    torch.save(content, tmp_path / "a.pth")
    old, new = b"numpy._core.multiarray\nscalar", module.encode() + b"\nscalar"
    with (
        zipfile.ZipFile(tmp_path / "a.pth") as source,
        zipfile.ZipFile(tmp_path / "b.pth", "w") as target,
    ):
        assert old in source.read("a/data.pkl")
        for name in source.namelist():
            target.writestr(name, source.read(name).replace(old, new))
    assert torch.equal(load_state(tmp_path / "b.pth")["a"], state["a"])
    torch.save({"meta": np.zeros(3), "state_dict": state}, tmp_path / "array.pth")
    with pytest.raises(CofinalError, match="is no checkpoint of plain tensors"):
        load_state(tmp_path / "array.pth")


def test_a_page_in_place_of_a_file_is_caught(server: tuple[str, list[str]], cache: Path) -> None:
    weights = WeightFile("whole.pth", server[0] + "whole.pth", "none", "none", least_bytes=10**6)
    with pytest.raises(CofinalError, match="has 8000 bytes, expected at least 1000000; it is no"):
        find_weights(weights, download=True)
    assert list((cache / "weights").iterdir()) == []
    (cache / "weights" / "whole.pth").write_text("<html>")
    with pytest.raises(CofinalError, match="has 6 bytes"):
        find_weights(weights)


def test_own_checkpoints_load_from_both_formats(tmp_path: Path) -> None:
    layout = {name: list(value.shape) for name, value in I3D().state_dict().items()}
    state = formula_weights(layout)
    torch.save({"state_dict": state}, tmp_path / "a.pth")
    save_file(state, tmp_path / "a.safetensors")
    clip = np.random.default_rng(0).integers(0, 256, (1, 8, 64, 64, 3), dtype=np.uint8)
    first, second = (
        load_backbone("i3d", tmp_path / name, device="cpu") for name in ("a.pth", "a.safetensors")
    )
    assert np.array_equal(first.features(clip), second.features(clip))
    assert first.weights_sha256 == hashlib.sha256((tmp_path / "a.pth").read_bytes()).hexdigest()
    assert weights_sha256("i3d", tmp_path / "a.pth") == first.weights_sha256
    torch.save({k: v for k, v in state.items() if "Mixed_5c" not in k}, tmp_path / "part.pth")
    with pytest.raises(CofinalError, match="30 parameters missing, 0 unknown"):
        load_backbone("i3d", tmp_path / "part.pth")


def test_unknown_names_and_devices() -> None:
    with pytest.raises(CofinalError, match="backbone 'resnet' is unknown; choose one of video-"):
        load_backbone("resnet")
    with pytest.raises(CofinalError, match="'v9' are neither a file nor known for i3d"):
        load_backbone("i3d", "v9")
    with pytest.raises(CofinalError, match="device 'tpu9' is not available"):
        load_backbone("motion", device="tpu9")


def test_random_weights_are_the_same_every_time() -> None:
    first, second = (load_backbone("i3d", "random", device="cpu") for _ in range(2))
    assert first.weights_sha256 == second.weights_sha256 == weights_sha256("i3d", "random")


def test_table_is_complete() -> None:
    for name, card in BACKBONES.items():
        assert backbone_card(name).output_width > 0
        assert bool(card.weights) == (name not in ("motion", "skeleton"))
        for weights in card.weights:
            if weights.package:
                assert weights.url.startswith("the package ")
            else:
                assert weights.url.startswith("https://") and weights.url.endswith(weights.file)
            assert weights.licence and weights.training_data
            assert weights.sha256_start is None or len(weights.sha256_start) in (8, 64)
            if name == "pose":  # two networks of another format, see test_pose.py
                continue
            with torch.device("meta"):
                module = NETWORKS[name][0]()
            assert weights.least_bytes == 4 * sum(p.numel() for p in module.parameters())


def test_a_backbone_without_weights_refuses_some() -> None:
    with pytest.raises(CofinalError, match="motion has no weights; leave out --weights"):
        load_backbone("motion", "mine.pth")


def test_a_package_that_is_missing_or_empty_is_told(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = WeightFile("w.pth", "https://x", "none", "none", package="no_such", extra="frames")
    with pytest.raises(CofinalError, match=r"w\.pth comes in a package .* 'cofinal\[frames\]'"):
        find_weights(card)
    empty = WeightFile("w.pth", "https://x", "none", "none", package="json", extra="frames")
    with pytest.raises(CofinalError, match=r"json holds no w\.pth; install the package of https"):
        find_weights(empty)
    (cache / "weights").mkdir(parents=True)
    (cache / "weights" / "w.pth").write_bytes(CONTENT)
    assert find_weights(card) == cache / "weights" / "w.pth"
