"""Every form that a report is written in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from percapita.report.document import html, markdown, pdf
from percapita.report.document.blocks import Document

FORMS: Final[Mapping[str, tuple[str, Callable[[Document], str | bytes]]]] = {
    "html": ("text/html; charset=utf-8", html.write),
    "md": ("text/markdown; charset=utf-8", markdown.write),
    "pdf": ("application/pdf", pdf.write),
}
"""Ending of the file -> its media type, and who writes it."""


def write(document: Document, form: str) -> str | bytes:
    """Return a report in one of ``FORMS``."""
    return FORMS[form][1](document)
