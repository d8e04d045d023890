"""Coarse-to-fine action quality assessment (CoFInAl, IJCAI 2024)."""

from cofinal.version import __version__

__all__ = ["__version__"]
