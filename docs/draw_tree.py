"""Draws docs/tree.svg: the rooms of the package, floor by floor, with what each is for.

Floors are the layers of tests/test_architecture.py, the words are each room's own docstring:

    python docs/draw_tree.py
"""

from __future__ import annotations

import ast
import runpy
import textwrap
from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape

HERE = Path(__file__).parent
SOURCE = HERE.parent / "src" / "cofinal"
# Pixels: the picture, room for the arrow, gaps, lines of text, a letter, where text begins beside
# a room's name.
WIDTH, LEFT, GAP, NAME, LINE, LETTER, BESIDE = 1000, 44, 8, 18, 14, 6.5, 130
STYLE = """
text { font: 12px Helvetica, Arial, sans-serif; fill: #333 }
.name { font-weight: bold; font-size: 14px; fill: #111 }
.room { fill: #eef2f7; stroke: #7d93ad }
.file { fill: #f7f4ec; stroke: #b3a37c }
.way { stroke: #777; stroke-width: 1.5; fill: none }
.tip { fill: #777 }
@media (prefers-color-scheme: dark) {
  text { fill: #c9d1d9 } .name { fill: #f0f6fc }
  .room { fill: #1b2533; stroke: #4d6a8c } .file { fill: #2a261b; stroke: #7a6c47 }
  .way { stroke: #8b949e } .tip { fill: #8b949e }
}
"""


def purpose(name: str) -> str:
    """What a room, or a file beside the rooms, says of itself in its first sentence."""
    path = SOURCE / name / "__init__.py"
    path = path if path.exists() else SOURCE / f"{name}.py"
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    sentence = " ".join(text.split("\n\n")[0].split())
    return sentence.split(". ")[0].rstrip(".").replace("`", "")


def shortened(text: str, letters: int, lines: int) -> list[str]:
    """The text in lines; where they are too few, what stands before colon or last comma."""
    found = textwrap.wrap(text, letters)
    for sign in (":", ",", ","):
        if len(found) > lines and sign in text:
            text = text[: text.rindex(sign)]
            found = textwrap.wrap(text, letters)
    return found


def draw(layers: Sequence[set[str]]) -> str:
    """The picture; the lowest layer is the ground floor."""
    parts, y = [], GAP
    for rooms in reversed(layers):
        names = sorted(rooms)
        width = (WIDTH - LEFT - GAP * len(names)) / len(names)
        if len(names) == 1:
            texts = [shortened(purpose(names[0]), int((width - BESIDE) / LETTER), 1)]
        else:
            texts = [shortened(purpose(name), int((width - 16) / LETTER), 3) for name in names]
        height = 10 + NAME + (0 if len(names) == 1 else LINE * max(map(len, texts)))
        for i, (name, lines) in enumerate(zip(names, texts, strict=True)):
            parts.append(room(name, lines, LEFT + i * (width + GAP), y, width, height))
        y += height + GAP
    arrow = f'<path class="way" d="M30 {GAP + 6}V{y - 22}"/>'
    arrow += f'<path class="tip" d="M25 {y - 24}h10l-5 12z"/>'
    label = f'<text transform="translate(20 {y / 2:.0f}) rotate(-90)" text-anchor="middle">'
    label += "imports go down, never up</text>"
    title = "The rooms of the package, floor by floor: each imports only its own and lower ones"
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" role="img"'
    return "\n".join(
        [f'{head} aria-label="{title}">', f"<style>{STYLE}</style>", arrow, label, *parts, "</svg>"]
    )


def room(name: str, lines: Sequence[str], x: float, y: float, width: float, height: float) -> str:
    """A box with a name and a few lines; files beside the rooms look other."""
    is_room = (SOURCE / name).is_dir()
    kind, shown = ("room", f"{name}/") if is_room else ("file", f"{name}.py")
    box = f'<rect class="{kind}" x="{x:.0f}" y="{y}" width="{width:.0f}" height="{height}" rx="6"/>'
    texts = [f'<text class="name" x="{x + 8:.0f}" y="{y + NAME}">{shown}</text>']
    beside = height == 10 + NAME
    for number, line in enumerate(lines, 0 if beside else 1):
        left, down = x + (BESIDE if beside else 8), y + NAME + LINE * number
        texts.append(f'<text x="{left:.0f}" y="{down}">{escape(line)}</text>')
    return "\n".join([box, *texts])


if __name__ == "__main__":
    layers = runpy.run_path(str(HERE.parent / "tests" / "test_architecture.py"))["LAYERS"]
    (HERE / "tree.svg").write_text(draw(layers) + "\n", encoding="utf-8")
