"""SVG as text: elements with escaped content, colours left to classes of the style sheet.

Names in a chart are data of users: everything that goes in is escaped here and nowhere else.
"""

from __future__ import annotations

from html import escape
from typing import Final

GLYPH: Final = 7.2
"""Width of a digit or letter at the charts' type size, in pixels, on the safe side."""


class Markup(str):
    """Text that is SVG already; a template may show it as it is."""

    __slots__ = ()

    def __html__(self) -> str:
        """Return it: this is how templates ask whether text is safe."""
        return self


def tag(name: str, content: str = "", /, **attributes: object) -> Markup:
    """Return one element; ``content`` is markup, ``class_`` becomes ``class``, ``_`` a dash."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_text(value), quote=True)}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{name}{written}>{content}</{name}>" if content else f"<{name}{written}/>")


def words(text: str, x: float, y: float, **attributes: object) -> Markup:
    """Return text at a place."""
    return tag("text", escape(text), x=x, y=y, **attributes)


def titled(content: str, title: str, **attributes: object) -> Markup:
    """Return a group that says more when pointed at."""
    return tag("g", tag("title", escape(title)) + content, **attributes)


def linked(content: str, href: str) -> Markup:
    """Return content that leads somewhere, or as it is where ``href`` is empty."""
    return tag("a", content, href=href) if href else Markup(content)


def picture(content: str, width: float, height: float, label: str) -> Markup:
    """Return the whole drawing; ``label`` says in words what it shows."""
    # What leads somewhere inside an image cannot be reached by keyboard.
    role = "group" if "<a " in content else "img"
    return tag(
        "svg", content, class_="chart", viewBox=f"0 0 {_text(width)} {_text(height)}",
        role=role, aria_label=label, xmlns="http://www.w3.org/2000/svg",
    )  # fmt: skip


def fitting(text: str, width: float) -> str:
    """Return the text, shortened to a width in pixels."""
    room = int(width / GLYPH)
    if len(text) <= room:
        return text
    return f"{text[: room - 1]}…" if room > 1 else ""


def _text(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.2f}".rstrip("0").rstrip(".") or "0"
    return str(value)
