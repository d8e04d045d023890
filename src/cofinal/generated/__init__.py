"""Generated routines: short films of a figure that is judged by a rule book, with all labels.

routines = generate_routines(60, seed=0)
write_routines("routines", routines)
"""

from __future__ import annotations

from cofinal.generated.choreography import generate_routines
from cofinal.generated.films import write_routines
from cofinal.generated.rendering import FilmSettings, film
from cofinal.generated.routine import Routine

__all__ = ["FilmSettings", "Routine", "film", "generate_routines", "write_routines"]
