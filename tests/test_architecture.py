"""The shape of the source: imports go one way, the command line stays light, files stay small."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import cofinal

SOURCE = Path(cofinal.__file__).parent
# Each layer may import itself and those before it.
LAYERS = [
    {"version", "errors", "extras", "times"},
    {"settings"},
    {"brought"},
    {"methods"},
    {"distributions", "records", "grades", "progress", "engines", "devices", "files", "given"},
    {"config"},
    {"skeleton"},
    {"layers"},
    {"models"},
    {"data"},
    {"generated", "training", "extraction"},
    {"evaluation", "explain"},
    {"agreement"},
    {"modelfolder"},
    {"benchmark"},
    {"audit"},
    {"reports", "export"},
    {"workflows", "scorer"},
    {"estimator", "testing"},
    {"page"},
    {"cli"},
    {"__main__"},
]
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}


def imported(tree: ast.AST) -> set[str]:
    """Parts of the package that a module imports, inside functions too."""
    modules = {
        node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module
    }
    return {name.split(".")[1] for name in modules if name.startswith("cofinal.")}


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda p: p.stem)
def test_imports_go_one_way(path: Path) -> None:
    part = path.relative_to(SOURCE).parts[0].removesuffix(".py")
    if part == "__init__":
        return
    for other in imported(ast.parse(path.read_text(encoding="utf-8"))):
        assert LEVEL[other] <= LEVEL[part], f"{part} imports {other}"


def test_settings_methods_and_commands_import_no_torch() -> None:
    code = (
        "import sys, importlib, cofinal.config, cofinal.cli.main as m;"
        "[importlib.import_module(f'cofinal.cli.{e[0]}') for e in m.COMMANDS.values()];"
        "from cofinal.methods import method_names, settings_class;"
        "[settings_class(method) for method in method_names()];"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_public_name_exists_and_is_documented() -> None:
    for name in cofinal.__all__:
        assert getattr(cofinal, name).__doc__ or name == "__version__", name
    with pytest.raises(AttributeError):
        cofinal.absent  # noqa: B018


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda p: p.stem)
def test_functions_fit_a_screen(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or 0) - node.lineno + 1
            text = ast.get_docstring(node) or ""
            body = lines - len(text.splitlines())
            assert body <= 45, f"{node.name} has {body} lines without its docstring"


def test_every_room_says_what_it_is_for_and_stands_in_the_figure() -> None:
    drawn = (SOURCE.parents[1] / "docs" / "tree.svg").read_text(encoding="utf-8")
    for name in LEVEL:
        is_room = (SOURCE / name).is_dir()
        path = SOURCE / name / "__init__.py" if is_room else SOURCE / f"{name}.py"
        assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), path
        shown = f"{name}/" if is_room else f"{name}.py"
        assert f">{shown}<" in drawn, f"{shown} is not drawn; run python docs/draw_tree.py"
