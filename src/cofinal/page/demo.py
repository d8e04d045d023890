"""A first try: films of generated routines, in a folder of their own."""

from __future__ import annotations

from pathlib import Path

from joblib import cpu_count

from cofinal.generated import FilmSettings, generate_routines, write_routines
from cofinal.page.groups import groups, set_group
from cofinal.page.store import Store
from cofinal.page.targets import Target, set_targets, targets

COUNT, EVENTS = 12, 4
SETTINGS = FilmSettings(320, 240, 25)
# What the generated judges mark: faults are taken off from ten points.
TARGET = Target("execution", 0.0, 10.0, 0.1)


def make_demo(folder: Path, count: int = COUNT, settings: FilmSettings = SETTINGS) -> Path:
    """Makes what is missing; returns the folder of films.

    Raises:
        CofinalError: the folder cannot be written, or holds other films.
    """
    print(f"Filming {count} generated routines into {folder} ...", flush=True)
    routines = generate_routines(count, seed=0, events=EVENTS)
    write_routines(folder, routines, settings, workers=cpu_count(), show_progress=True)
    films = folder / "videos"
    store = Store(films)
    if not targets(store):
        set_targets(store, [TARGET])
    known = groups(store)
    for routine in routines:
        if routine.id not in known:
            set_group(store, routine.id, routine.event.name)
    store.close()
    return films
