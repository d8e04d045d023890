"""Classes that users bring along: named in a file, or installed under a name.

A file is run only when its user has named it, never because a model folder or a preset does.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING

from cofinal.errors import CofinalError
from cofinal.settings import quoted

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint


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


class MissingError(CofinalError):
    """Something that is unknown here, or that the user has not named."""


@dataclass(frozen=True)
class Brought:
    """A class that is no part of this package."""

    found: type
    source: str | type | None
    """By what another process can bring it again; None for what is installed there too."""
    code: str | None
    """What tells one state of its code from another: a file's hash, a package's version."""


@dataclass(frozen=True)
class Kind:
    """Classes of one kind that users bring, under the names that they then have."""

    name: str
    """What such a class is called in messages, for example "method"."""
    group: str
    """Entry-point group under which packages offer them."""
    own: Callable[[], Sequence[str]]
    """Names that this package itself gives to classes of this kind."""
    check: Callable[[type, str], None]
    """Refuses a class that is not of this kind; told the class and its name."""
    flags: str
    """Where users name a class of theirs, for messages."""
    known: dict[str, Brought] = field(default_factory=dict)
    """What was brought to this process."""

    def use(self, reference: str | type) -> str:
        """Makes a class known; returns its name. Runs the file that "PATH.py:CLASS" names.

        Other texts, and what was brought before, are names already, and returned as they are.
        """
        if isinstance(reference, str):
            brought = reference in self.known and not Path(reference.rpartition(":")[0]).exists()
            if brought or not names_a_file(reference):
                return reference
            found, code = class_in_file(reference)
            return self._keep(short_name(reference), Brought(found, reference, code))
        return self._keep(reference.__name__, Brought(reference, reference, None))

    def find(self, name: str) -> Brought:
        """What is known of a class that is no part of this package.

        Raises:
            MissingError: nobody brought it, nor is it installed.
        """
        if name not in self.known:
            from importlib.metadata import entry_points  # slow, and seldom needed

            offered = {entry.name: entry for entry in entry_points(group=self.group)}
            if name not in offered:
                raise MissingError(self._missing(name, [*self.own(), *offered]))
            found, code = class_installed(offered[name])
            self._keep(name, Brought(found, None, code))
        return self.known[name]

    def code(self, name: str) -> str | None:
        """What tells the state of a brought class; None where the version of cofinal does."""
        return None if name in self.own() else self.find(name).code

    def source(self, name: str) -> str | type | None:
        """By what `use` brings a class again in another process; None where it need not."""
        return None if name in self.own() else self.find(name).source

    def _keep(self, name: str, brought: Brought) -> str:
        if name in self.own():
            raise CofinalError(f"{self.name} {name!r} is one of cofinal's own; rename the class")
        self.check(brought.found, name)
        self.known[name] = brought
        return name

    def _missing(self, name: str, names: Sequence[str]) -> str:
        if names_a_file(name):
            return (
                f"{self.name} {quoted(name)} is a class in a file, which is run only if you name "
                f"it: {self.flags}"
            )
        return (
            f"{self.name} {quoted(name)} is unknown; choose one of {', '.join(names)}, or name a "
            f"class of your own: my_{self.name}.py:My{self.name.capitalize()}"
        )
