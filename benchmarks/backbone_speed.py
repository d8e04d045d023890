"""How long a clip takes: our backbones against the plain way, in the same run.

    python benchmarks/backbone_speed.py --out benchmarks/backbone_speed

writes OUT.json and OUT.md. The plain way is written here from the paper: roll, cut into windows,
explicit scores, one mask per window, float32. It shares the weights (random, seed 0) with ours, so
the table also says how far each row's features are from it. Needs no weights and no videos.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from cofinal.extraction.backbones import BACKBONES
from cofinal.extraction.backbones.i3d import I3D
from cofinal.extraction.backbones.motion import describe_clip
from cofinal.extraction.backbones.video_swin import SWIN_SIZES, SwinBlock, VideoSwin
from cofinal.extraction.backbones.window_attention import relative_position_index
from cofinal.extraction.recipe import ExtractionRecipe
from cofinal.extraction.transforms import frame_pixels, normalise
from cofinal.files.atomic import write_json, write_text
from cofinal.files.tables import markdown_table
from cofinal.version import __version__

CLIP_FRAMES, INPUT_PX, SEED = 32, 224, 0


def plain_block(block: SwinBlock, x_BDHWC: torch.Tensor) -> torch.Tensor:
    """One Swin block as the paper draws it; sizes here need no padding."""
    size, width = tuple(x_BDHWC.shape[1:4]), x_BDHWC.shape[-1]
    window = tuple(min(s, w) for s, w in zip(size, block.window, strict=True))
    shift = tuple(
        w // 2 if block.shifted and s > w else 0 for s, w in zip(size, block.window, strict=True)
    )
    x = torch.roll(block.norm1(x_BDHWC), tuple(-s for s in shift), dims=(1, 2, 3))
    x = plain_attention(block, _cut(x, window), plain_mask(size, window, shift, x.dtype))
    d, h, w = window
    counts = [s // n for s, n in zip(size, window, strict=True)]
    x = x.view(-1, *counts, d, h, w, width).permute(0, 1, 4, 2, 5, 3, 6, 7)
    x = torch.roll(x.reshape(x_BDHWC.shape), shift, dims=(1, 2, 3))
    x_BDHWC = x_BDHWC + x
    return x_BDHWC + block.mlp.fc2(F.gelu(block.mlp.fc1(block.norm2(x_BDHWC))))


def plain_attention(
    block: SwinBlock, x_WVC: torch.Tensor, mask_WVV: torch.Tensor | None
) -> torch.Tensor:
    """Explicit scores, bias and mask, softmax, product."""
    attention = block.attn
    volume = x_WVC.shape[1]
    qkv = attention.qkv(x_WVC).unflatten(-1, (3, attention.heads, -1)).permute(2, 0, 3, 1, 4)
    scores = (qkv[0] * qkv.shape[-1] ** -0.5) @ qkv[1].transpose(-1, -2)
    index = relative_position_index(block.window)[:volume, :volume]
    scores = scores + attention.relative_position_bias_table[index].permute(2, 0, 1)
    if mask_WVV is not None:
        clips = scores.shape[0] // mask_WVV.shape[0]
        scores = scores + mask_WVV.repeat(clips, 1, 1)[:, None]
    return attention.proj((scores.softmax(-1) @ qkv[2]).transpose(1, 2).flatten(2))


def plain_mask(
    size: tuple[int, ...], window: tuple[int, ...], shift: tuple[int, ...], dtype: torch.dtype
) -> torch.Tensor | None:
    """-100 between tokens of one window that the roll brought together, made anew each time."""
    if not any(shift):
        return None
    region = torch.zeros(1, *size, 1)
    for axis in range(3):
        part = torch.zeros(size[axis])
        if shift[axis]:
            part[-window[axis] :], part[-shift[axis] :] = 1, 2
        shape = [1] * 5
        shape[axis + 1] = -1
        region = region * 3 + part.view(shape)
    region_WV = _cut(region, window)[..., 0]
    return (region_WV[:, :, None] != region_WV[:, None, :]).to(dtype) * -100.0


def _cut(x_BDHWC: torch.Tensor, window: tuple[int, ...]) -> torch.Tensor:
    batch, depth, height, width, channels = x_BDHWC.shape
    d, h, w = window
    cut = x_BDHWC.view(batch, depth // d, d, height // h, h, width // w, w, channels)
    return cut.permute(0, 1, 3, 5, 2, 4, 6, 7).reshape(-1, d * h * w, channels)


def plain_features(model: VideoSwin, clips_BCTHW: torch.Tensor) -> torch.Tensor:
    """The plain way through a whole network."""
    x = F.conv3d(
        clips_BCTHW, model.patch_embed.proj.weight, model.patch_embed.proj.bias, stride=(2, 4, 4)
    )
    x = model.patch_embed.norm(x.permute(0, 2, 3, 4, 1))
    for layer in model.layers:
        for block in layer.blocks:
            x = plain_block(block, x)
        x = x if layer.downsample is None else layer.downsample(x)
    return model.norm(x).mean(dim=(1, 2, 3)).float()


def measure(run: Callable[[], Any], clips: int, repeats: int, device: torch.device) -> list[float]:
    """Seconds a clip of each repeat, after one run that is not counted."""
    times = []
    for repeat in range(repeats + 1):
        start = time.perf_counter()
        run()
        if device.type == "cuda":
            torch.cuda.synchronize()
        if repeat:
            times.append((time.perf_counter() - start) / clips)
    return times


def random_model(name: str, device: torch.device) -> torch.nn.Module:
    """A backbone with random weights, the position bias included."""
    torch.manual_seed(SEED)
    model = I3D() if name == "i3d" else VideoSwin(SWIN_SIZES[name[-1]])
    for parameter_name, parameter in model.named_parameters():
        if parameter_name.endswith("bias_table"):
            torch.nn.init.normal_(parameter, std=0.02)
    return model.eval().to(device)


def rows_of(name: str, device: torch.device, repeats: int, batches: list[int]) -> list[dict]:
    """Measures one learned backbone: the plain way (Swin only), ours, ours in bfloat16."""
    model, card = random_model(name, device), BACKBONES[name]
    pixels = np.random.default_rng(SEED).integers(
        0, 256, (max(batches), CLIP_FRAMES, INPUT_PX, INPUT_PX, 3), dtype=np.uint8
    )
    clips = normalise(torch.from_numpy(pixels).to(device), card.mean, card.std)
    rows, reference = [], None
    ways: list[tuple[str, torch.dtype, int, Callable[..., torch.Tensor]]] = []
    if name != "i3d" and device.type == "cpu":
        ways += [
            ("plain", torch.float32, 1, plain_features),
            ("plain", torch.bfloat16, 1, plain_features),
        ]
    for dtype in (torch.float32, torch.bfloat16):
        ways += [("ours", dtype, batch, lambda m, x: m(x)) for batch in batches]
    for way, dtype, batch, run in ways:
        cast, inputs = model.to(dtype), clips[:batch].to(dtype)
        features = run(cast, inputs)[0].double().cpu()
        reference = features if reference is None else reference
        times = measure(lambda run=run, m=cast, x=inputs: run(m, x), batch, repeats, device)
        cosine = F.cosine_similarity(features, reference, dim=0).item()
        rows.append(_row(name, way, str(dtype).removeprefix("torch."), batch, times, cosine))
        # A cast to bfloat16 loses digits for good, so float32 starts from the same seed again.
        model = random_model(name, device)
    return rows


def _row(
    backbone: str, way: str, precision: str, batch: int, times: list[float], cosine: float | None
) -> dict[str, Any]:
    row = {
        "backbone": backbone,
        "way": way,
        "precision": precision,
        "batch_clips": batch,
        "seconds_per_clip": round(statistics.median(times), 4),
        "fastest_seconds_per_clip": round(min(times), 4),
        "clips_per_second": round(1 / statistics.median(times), 3),
        "cosine_to_first_row": None if cosine is None else round(cosine, 7),
        "repeats": len(times),
        "load_average": round(os.getloadavg()[0], 2),
    }
    print(row, flush=True)
    return row


def rows_without_weights(repeats: int) -> list[dict[str, Any]]:
    """The motion descriptor, and the pixel path of one clip from 1280 x 720."""
    noise = np.random.default_rng(SEED)
    clip = noise.integers(0, 256, (CLIP_FRAMES, INPUT_PX, INPUT_PX, 3), dtype=np.uint8)
    frame = noise.integers(0, 256, (720, 1280, 3), dtype=np.uint8)
    recipe, cpu = ExtractionRecipe(), torch.device("cpu")
    threads = torch.get_num_threads()
    motion = measure(lambda: describe_clip(clip), 1, repeats, cpu)
    torch.set_num_threads(1)  # as in the decoding thread
    path = measure(lambda: [frame_pixels(frame, recipe) for _ in clip], 1, repeats, cpu)
    torch.set_num_threads(threads)
    return [
        _row("motion", "ours", "float32", 1, motion, None),
        _row("pixel path, 1280x720", "ours", "uint8", 1, path, None),
    ]


def processor() -> str:
    """The processor's name where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    amx = " with AMX" if any("amx_bf16" in line for line in lines) else ""
    return next(names, platform.processor()) + amx


def table(result: dict[str, Any]) -> str:
    """The result as Markdown."""
    lines = [
        "# Seconds a clip",
        "",
        f"One clip is {CLIP_FRAMES} frames of {INPUT_PX} x {INPUT_PX}. {result['processor']}, "
        f"{result['threads']} threads, device {result['device']}, torch {result['torch']}, "
        f"cofinal {result['cofinal']}. Random weights, seed {SEED}; median of the repeats. "
        "`load` is the machine's load average after the row: above 0 before the run, others were "
        "using the same cores. `cosine` is to the first row of the same backbone.",
        "",
        *markdown_table(COLUMNS.split(", "), map(cells, result["rows"])),
        f"Load average before the run: {result['load_average_before']}.",
        "",
    ]
    return "\n".join(lines)


COLUMNS = "backbone, way, precision, batch, s/clip, fastest, clips/s, cosine, load"


def cells(row: dict[str, Any]) -> list[str]:
    """A measurement as a line of the table."""
    cosine = row["cosine_to_first_row"]
    return [
        row["backbone"],
        row["way"],
        row["precision"],
        str(row["batch_clips"]),
        f"{row['seconds_per_clip']:.3f}",
        f"{row['fastest_seconds_per_clip']:.3f}",
        f"{row['clips_per_second']:.2f}",
        "" if cosine is None else f"{cosine:.6f}",
        str(row["load_average"]),
    ]


def main() -> None:
    """Runs the benchmark and writes both files."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("benchmarks/backbone_speed"))
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--backbones", nargs="+", default=["video-swin-b", "video-swin-t", "i3d"])
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 2])
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    device, rows = torch.device(arguments.device), []
    before = round(os.getloadavg()[0], 2)
    with torch.inference_mode():
        for name in arguments.backbones:
            rows += rows_of(name, device, arguments.repeats, arguments.batches)
        rows += rows_without_weights(arguments.repeats)
    result = {
        "processor": processor(),
        "threads": arguments.threads,
        "device": torch.cuda.get_device_name() if device.type == "cuda" else "cpu",
        "torch": torch.__version__,
        "cofinal": __version__,
        "seed": SEED,
        "load_average_before": before,
        "rows": rows,
    }
    write_json(arguments.out.with_suffix(".json"), result)
    write_text(arguments.out.with_suffix(".md"), table(result))


if __name__ == "__main__":
    main()
