"""Classes that users bring along: named in a file, or installed under a name.

A file is run only when its user has named it, never because a model folder or a preset does.
"""

from __future__ import annotations

import hashlib
import sys
from importlib.metadata import EntryPoint, entry_points
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

from cofinal.errors import CofinalError


def names_a_file(reference: str) -> bool:
    """Whether a text such as "my_method.py:MyMethod" names a class in a file."""
    return reference.rpartition(":")[0].endswith(".py")


def short_name(reference: str) -> str:
    """The reference without folders, by which model folders remember a class."""
    path, _, name = reference.rpartition(":")
    return f"{Path(path).name}:{name}"


def class_in_file(reference: str) -> tuple[type, str]:
    """Runs a file and takes a class from it.

    Args:
        reference: "PATH.py:NAME", as the user typed it.

    Returns:
        The class, and the SHA-256 of the file.

    Raises:
        CofinalError: no such file, one that fails when it is run, or no class of this name.
    """
    text, _, name = reference.rpartition(":")
    path = Path(text).resolve()
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise CofinalError(
            f"cannot read {text} ({error.strerror or error}); name a file and its class, for "
            "example my_method.py:MyMethod"
        ) from error
    # One module for each state of a file: what ran before is found again, what changed is not.
    module_name = f"{path.stem}_{digest[:12]}"
    module = sys.modules.get(module_name)
    if module is None:
        spec = spec_from_file_location(module_name, path)
        assert spec is not None and spec.loader is not None
        module = sys.modules[module_name] = module_from_spec(spec)
        sys.path.append(str(path.parent))  # for what lies beside the file
        try:
            spec.loader.exec_module(module)
        except Exception as error:
            del sys.modules[module_name]
            raise CofinalError(
                f"{text} fails when it is run ({type(error).__name__}: {error}); mend it"
            ) from error
        finally:
            sys.path.remove(str(path.parent))
    found = getattr(module, name, None)
    if not isinstance(found, type):
        classes = [
            key
            for key, value in vars(module).items()
            if isinstance(value, type) and value.__module__ == module_name
        ]
        raise CofinalError(
            f"{text} has no class {name!r}; name one of {', '.join(classes) or 'its classes'}"
        )
    return found, digest


def installed(group: str) -> dict[str, EntryPoint]:
    """What other packages offer under an entry-point group: name -> entry point, not yet loaded."""
    return {entry.name: entry for entry in entry_points(group=group)}


def class_installed(entry: EntryPoint) -> tuple[type, str]:
    """Imports what an entry point names; returns it with the name and version of its package.

    Raises:
        CofinalError: the package cannot be imported, or offers no class.
    """
    package = f"{entry.dist.name} {entry.dist.version}" if entry.dist else entry.value
    try:
        found = entry.load()
    except Exception as error:
        raise CofinalError(
            f"{entry.name!r} of {package} cannot be imported ({type(error).__name__}: {error}); "
            "install the package again"
        ) from error
    if not isinstance(found, type):
        raise CofinalError(f"{entry.name!r} of {package} is no class; ask the package's authors")
    return found, package
