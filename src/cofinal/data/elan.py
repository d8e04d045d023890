"""ELAN's files (.eaf): what people saw happen in one film, in tiers.

An annotator has a tier of elements, further ones where these overlap, and a tier of moments, which
ELAN shows as short stretches. Notes are annotations of annotations. Times are milliseconds.

Source: Max Planck Institute for Psycholinguistics, "ELAN Annotation Format", version 3.0.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PureWindowsPath
from xml.etree import ElementTree

from cofinal.data.annotations import Annotation
from cofinal.errors import CofinalError
from cofinal.files.tables import read_text
from cofinal.settings import quoted

ELEMENTS, MOMENTS, NOTES = "elements", "moments", "notes"
# A moment as ELAN shows it: as long as a picture of a film.
MOMENT_MS = 40
SCHEMA = "http://www.mpi.nl/tools/elan/EAFv3.0.xsd"
XSI = "http://www.w3.org/2001/XMLSchema-instance"


def eaf_text(found: Sequence[Annotation], file: str, mime: str = "video/mp4") -> str:
    """One film's annotations as ELAN's XML.

    Args:
        found: of one film.
        file: name of the film's file, beside which ELAN looks for it.
        mime: its kind.
    """
    document = ElementTree.Element(
        "ANNOTATION_DOCUMENT",
        {
            "AUTHOR": "",
            "DATE": "1970-01-01T00:00:00+00:00",  # the same annotations give the same file
            "FORMAT": "3.0",
            "VERSION": "3.0",
            f"{{{XSI}}}noNamespaceSchemaLocation": SCHEMA,
        },
    )
    header = ElementTree.SubElement(
        document, "HEADER", {"MEDIA_FILE": "", "TIME_UNITS": "milliseconds"}
    )
    media = {"MEDIA_URL": f"./{file}", "RELATIVE_MEDIA_URL": f"./{file}", "MIME_TYPE": mime}
    ElementTree.SubElement(header, "MEDIA_DESCRIPTOR", media)
    writer = _Writer(document)
    for judge in dict.fromkeys(one.judge for one in found):
        own = [one for one in found if one.judge == judge]
        for kind in (ELEMENTS, MOMENTS):
            for number, lane in enumerate(_lanes(own, kind), 1):
                writer.tier(judge, kind, number, lane)
    for kind in (ELEMENTS, MOMENTS, NOTES):
        told = {"LINGUISTIC_TYPE_ID": kind, "GRAPHIC_REFERENCES": "false"}
        told |= {"TIME_ALIGNABLE": "false" if kind == NOTES else "true"}
        told |= {"CONSTRAINTS": "Symbolic_Association"} if kind == NOTES else {}
        ElementTree.SubElement(document, "LINGUISTIC_TYPE", told)
    told = {"STEREOTYPE": "Symbolic_Association", "DESCRIPTION": "1-1 association"}
    ElementTree.SubElement(document, "CONSTRAINT", told)
    ElementTree.indent(document)
    ElementTree.register_namespace("xsi", XSI)
    return ElementTree.tostring(document, "unicode", xml_declaration=True) + "\n"


class _Writer:
    """Adds tiers with numbered annotations and time slots."""

    def __init__(self, document: ElementTree.Element) -> None:
        self._document = document
        self._order = ElementTree.SubElement(document, "TIME_ORDER")
        self._slots = self._annotations = 0

    def tier(self, judge: str, kind: str, number: int, lane: Sequence[Annotation]) -> None:
        """One tier, and that of its notes where there are any."""
        name = f"{judge} {kind}{'' if number == 1 else f' {number}'}"
        tier = self._tier(judge, kind, name)
        notes: list[tuple[str, str]] = []
        for one in lane:
            start = round(one.start * 1000)
            end = start + MOMENT_MS if one.end is None else max(round(one.end * 1000), start + 1)
            told = {"TIME_SLOT_REF1": self._slot(start), "TIME_SLOT_REF2": self._slot(end)}
            identifier = self._annotation(tier, "ALIGNABLE_ANNOTATION", told, one.name)
            if one.note:
                notes.append((identifier, one.note))
        if notes:
            below = self._tier(judge, NOTES, f"{name} notes", name)
            for parent, note in notes:
                self._annotation(below, "REF_ANNOTATION", {"ANNOTATION_REF": parent}, note)

    def _tier(
        self, judge: str, kind: str, name: str, parent: str | None = None
    ) -> ElementTree.Element:
        told = {"LINGUISTIC_TYPE_REF": kind, "TIER_ID": name, "ANNOTATOR": judge}
        told |= {"PARENT_REF": parent} if parent else {}
        return ElementTree.SubElement(self._document, "TIER", told)

    def _slot(self, milliseconds: int) -> str:
        self._slots += 1
        told = {"TIME_SLOT_ID": f"ts{self._slots}", "TIME_VALUE": str(milliseconds)}
        ElementTree.SubElement(self._order, "TIME_SLOT", told)
        return told["TIME_SLOT_ID"]

    def _annotation(
        self, tier: ElementTree.Element, kind: str, told: dict[str, str], text: str
    ) -> str:
        self._annotations += 1
        told = {"ANNOTATION_ID": f"a{self._annotations}"} | told
        holder = ElementTree.SubElement(ElementTree.SubElement(tier, "ANNOTATION"), kind, told)
        ElementTree.SubElement(holder, "ANNOTATION_VALUE").text = text
        return told["ANNOTATION_ID"]


def _lanes(found: Sequence[Annotation], kind: str) -> list[list[Annotation]]:
    """Annotations of one kind in as few tiers as they need not to overlap, which ELAN forbids."""
    lanes: list[list[Annotation]] = []
    for one in sorted(found, key=lambda one: one.start):
        if (one.end is None) != (kind == MOMENTS):
            continue
        free = next((lane for lane in lanes if _until(lane[-1]) <= one.start), None)
        if free is None:
            lanes.append([one])
        else:
            free.append(one)
    return lanes


def _until(one: Annotation) -> float:
    return one.start + MOMENT_MS / 1000 if one.end is None else one.end


def read_eaf(path: Path) -> list[Annotation]:
    """Reads the annotations that lie in time, with those that depend on them as notes.

    The film is that of the media descriptor, else of the file's own name; who saw it is the tier's
    annotator, else its participant, else its name.

    Raises:
        CofinalError: no ELAN file, or one that refers to what it does not hold.
    """
    text = read_text(path)
    if re.search(r"<!(DOCTYPE|ENTITY)", text, re.IGNORECASE):
        raise CofinalError(
            f"{path} declares a document type, which ELAN's files do not; save it anew"
        )
    try:
        document = ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError) as error:
        raise CofinalError(f"{path} is not XML ({error}); expected a file of ELAN") from error
    if document.tag != "ANNOTATION_DOCUMENT":
        raise CofinalError(f"{path} begins with {quoted(document.tag)}; expected a file of ELAN")
    media = document.find("HEADER/MEDIA_DESCRIPTOR")
    told = {} if media is None else media.attrib
    address = told.get("RELATIVE_MEDIA_URL") or told.get("MEDIA_URL") or ""
    film = PureWindowsPath(address).stem or path.stem
    return sorted(_annotations(document, film, path), key=lambda one: one.start)


def _annotations(document: ElementTree.Element, film: str, path: Path) -> Iterator[Annotation]:
    slots = {s.get("TIME_SLOT_ID"): s.get("TIME_VALUE") for s in document.iter("TIME_SLOT")}
    notes: dict[str | None, list[str]] = {}
    for reference in document.iter("REF_ANNOTATION"):
        notes.setdefault(reference.get("ANNOTATION_REF"), []).append(_value(reference))
    for tier in document.iter("TIER"):
        name = tier.get("TIER_ID", "")
        judge = tier.get("ANNOTATOR") or tier.get("PARTICIPANT") or name
        for told in tier.iter("ALIGNABLE_ANNOTATION"):
            where = f"{path}, tier {quoted(name)}, annotation {told.get('ANNOTATION_ID')}"
            start, end = (_seconds(slots.get(told.get(f"TIME_SLOT_REF{k}")), where) for k in (1, 2))
            moment = tier.get("LINGUISTIC_TYPE_REF") == MOMENTS
            note = " ".join(notes.get(told.get("ANNOTATION_ID"), []))
            one = Annotation(film, judge, _value(told), start, None if moment else end, note)
            if not one.name:
                continue  # a stretch that nobody has named yet
            one.check(where)
            yield one


def _value(annotation: ElementTree.Element) -> str:
    return " ".join((annotation.findtext("ANNOTATION_VALUE") or "").split())


def _seconds(value: str | None, where: str) -> float:
    if value is None or not re.fullmatch(r"\d{1,12}", value, re.ASCII):
        raise CofinalError(f"{where} has no time; align it in ELAN, or remove it")
    return int(value) / 1000
