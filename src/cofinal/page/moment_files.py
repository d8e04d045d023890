"""Moments and elements as files of this and other programs, and back."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from cofinal.data.annotations import Annotation, annotations_csv, boris_csv, read_annotations
from cofinal.data.elan import eaf_text, read_eaf
from cofinal.data.sheets import read_sheets
from cofinal.errors import CofinalError
from cofinal.page.films import Films
from cofinal.page.moments import add, all_moments, checked
from cofinal.page.raters import Rater, raters
from cofinal.page.store import Store
from cofinal.settings import quoted


def seen(store: Store) -> list[Annotation]:
    """What everyone marked in the films, by film and time."""
    return [
        Annotation(one.film, one.judge, one.name, one.start, one.end, one.note)
        for one in all_moments(store)
    ]


def moments_csv(store: Store, films: Films) -> str:
    """One's own table."""
    return annotations_csv(seen(store))


def boris(store: Store, films: Films) -> str:
    """BORIS's tabular events."""
    files = {film: path.name for film, path in films.paths().items()}
    return boris_csv(seen(store), files)


def eaf(store: Store, films: Films, film: str) -> str:
    """ELAN's file of one film.

    Raises:
        CofinalError: no such film.
    """
    path = films.path(film)
    own = [one for one in seen(store) if one.film == film]
    return eaf_text(own, path.name, films.facts(film).mime or "video/mp4")


def sheets_json(store: Store, films: Films) -> str:
    """Sheets for `--sheet`: of each film the elements of the rater who marked most of them."""
    sheets = {}
    for film, own in _by_film(seen(store)).items():
        lasting = [one for one in own if one.end is not None]
        counts = {one.judge: 0 for one in lasting}
        for one in lasting:
            counts[one.judge] += 1
        if not counts:
            continue
        judge = max(counts, key=lambda name: counts[name])
        sheets[film] = {
            "judge": judge,
            "elements": [_told(one, "element") for one in lasting if one.judge == judge],
            "moments": [
                _told(one, "moment") for one in own if one.judge == judge and one.end is None
            ],
        }
    return json.dumps(sheets, indent=2, ensure_ascii=False) + "\n"


def take_in(store: Store, films: Films, name: str, text: str, judge: str) -> int:
    """Takes what a file tells; what is there already is not taken twice.

    Args:
        store: the file of marks.
        films: the films there are.
        name: of the file, whose ending says what it is.
        text: what is in it.
        judge: whose it is; empty for whom the file names.

    Returns:
        how many moments and elements are new.

    Raises:
        CofinalError: an unreadable file, a film or rater that is not here.
    """
    found = _read(name, text)
    known, people = films.paths(), {one.name: one for one in raters(store)}
    owners: list[Rater] = []
    for one in found:
        owner = people.get(judge or one.judge)
        if owner is None:
            raise CofinalError(
                f"{name}: rater {quoted(judge or one.judge)} is not here; choose whose it is, or "
                "add this rater first"
            )
        if one.film not in known:
            raise CofinalError(f"{name}: film {quoted(one.film)} is not in the folder")
        owners.append(owner)
    there = {_key(one) for one in seen(store)}
    new = 0
    for one, owner in zip(found, owners, strict=True):
        key = (one.film, owner.name, one.name, one.start, one.end, one.note)
        if key not in there:
            there.add(key)
            add(store, owner, one.film, checked(one.name, one.note, one.start, one.end))
            new += 1
    return new


def _read(name: str, text: str) -> list[Annotation]:
    readers = {".eaf": read_eaf, ".csv": read_annotations, ".tsv": read_annotations}
    readers[".json"] = _from_sheets
    suffix = PurePosixPath(name).suffix.lower()
    if suffix not in readers:
        raise CofinalError(
            f"{quoted(name)} ends in {suffix or 'nothing'}; expected .eaf, .csv, .tsv or .json"
        )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"file{suffix}"
        path.write_text(text, encoding="utf-8")
        try:
            return readers[suffix](path)
        except CofinalError as error:
            raise CofinalError(str(error).replace(str(path), name)) from error


def _from_sheets(path: Path) -> list[Annotation]:
    """Elements of sheets whose times are known."""
    return [
        Annotation(film, "", one.name, one.start_seconds, one.end_seconds)
        for film, elements in read_sheets(path).items()
        for one in elements
        if one.start_seconds is not None
    ]


def _by_film(found: Iterable[Annotation]) -> dict[str, list[Annotation]]:
    films: dict[str, list[Annotation]] = {}
    for one in found:
        films.setdefault(one.film, []).append(one)
    return films


def _told(one: Annotation, what: str) -> dict[str, object]:
    end = {} if one.end is None else {"end": one.end}
    return {what: one.name, "start": one.start, **end, "note": one.note}


def _key(one: Annotation) -> tuple[object, ...]:
    return one.film, one.judge, one.name, one.start, one.end, one.note
