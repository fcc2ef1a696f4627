"""The letters of a PDF: which typeface writes each of them, and which letters none here writes."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from functools import lru_cache
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Any, Final

TEXT, BOLD = "Text", "Bold"
UNWRITTEN: Final = "?"
"""What stands for a letter that no typeface writes."""
_SYSTEM: Final = Path("/usr/share/fonts/truetype/dejavu")
_FILES: Final = {TEXT: ("DejaVuSans.ttf", "Vera.ttf"), BOLD: ("DejaVuSans-Bold.ttf", "VeraBd.ttf")}
"""Typeface -> its file: with Greek and Cyrillic where the system has it, else the package's own."""
_EAST: Final = {"han": "STSong-Light", "kana": "HeiseiKakuGo-W5", "hangul": "HYGothic-Medium"}
"""Script -> a typeface that whoever opens the file has: it is named, not embedded."""
_SCRIPTS: Final = (
    ("kana", 0x3041, 0x30FF), ("hangul", 0xAC00, 0xD7A3), ("han", 0x3000, 0x3040),
    ("han", 0x3400, 0x9FFF), ("han", 0xF900, 0xFAFF),
)  # fmt: skip
_INSTEAD: Final[Mapping[int, str]] = {
    ord("→"): "to", ord("▲"): "", ord("▼"): "", ord("✓"): "yes", ord("✗"): "no",
}  # fmt: skip
"""Signs of our own that not every typeface has."""


class Typeface:
    """Writes the texts of one document, and remembers what could not be written."""

    def __init__(self) -> None:
        self.unwritten: set[str] = set()

    def markup(self, text: str, font: str = TEXT) -> str:
        """Return a text with the typeface of each part, escaped."""
        return "".join(
            escape(part) if name == font else f'<font name="{name}">{escape(part)}</font>'
            for name, part in self._parts(text, font)
        )

    def line(self, text: str) -> tuple[str, str]:
        """Return one typeface that writes most of a text, and the text."""
        parts = list(self._parts(text, TEXT))
        name = next((name for name, _ in parts if name != TEXT), TEXT)
        return name, "".join(part for _, part in parts)

    def _parts(self, text: str, font: str) -> Iterator[tuple[str, str]]:
        written = [self._written(letter, font) for letter in text.translate(_INSTEAD)]
        for name, letters in groupby(written, key=lambda one: one[0]):
            yield name, "".join(letter for _, letter in letters)

    def _written(self, letter: str, font: str) -> tuple[str, str]:
        if letter.isspace():
            return font, " "
        # What runs from right to left would stand reversed and unjoined: that is no name.
        leftwards = unicodedata.bidirectional(letter) in ("R", "AL")
        if not leftwards and ord(letter) in _letters(font):
            return font, letter
        east = next((name for name, a, z in _SCRIPTS if a <= ord(letter) <= z), None)
        if east is not None:
            return _eastern(_EAST[east]), letter
        self.unwritten.add(letter)
        return font, UNWRITTEN


@lru_cache(maxsize=2)
def _letters(font: str) -> Mapping[int, Any]:
    """Make a typeface known; return what it writes."""
    from reportlab.pdfbase import pdfmetrics, ttfonts  # noqa: PLC0415 only PDF pays for it

    best, other = _FILES[font]
    file = str(_SYSTEM / best) if (_SYSTEM / best).is_file() else other
    made = ttfonts.TTFont(font, file)
    pdfmetrics.registerFont(made)
    found: Mapping[int, Any] = made.face.charToGlyph
    return found


@lru_cache(maxsize=len(_EAST))
def _eastern(name: str) -> str:
    from reportlab.pdfbase import cidfonts, pdfmetrics  # noqa: PLC0415 only PDF pays for it

    pdfmetrics.registerFont(cidfonts.UnicodeCIDFont(name))
    return name
