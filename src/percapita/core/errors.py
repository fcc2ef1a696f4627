"""The two kinds of trouble: problems that are collected, and errors that stop.

A ``Problem`` is bad input: counted, quarantined, listed, while the good rows go on. A
``PercapitaError`` means the command cannot go on; there is one class per situation, next to the
code that raises it, and its message says what, where, why and what to do.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

_SHOWN = 12
"""Known names that a message lists."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with the user's input, and how to mend it."""

    code: str
    """Short stable name, such as ``not-a-number``."""
    where: str
    """``file:line:column`` or ``file, row 12, column BilledCost``."""
    message: str
    hint: str = ""

    def __str__(self) -> str:
        """Return the one line a user reads."""
        return f"{self.where}: {self.message}" + (f" {self.hint}" if self.hint else "")


class PercapitaError(Exception):
    """The root of everything that stops a command with a message for its user."""

    def __init__(self, message: str, *, hint: str = "", problems: Iterable[Problem] = ()) -> None:
        self.message = message
        self.hint = hint
        self.problems = tuple(problems)
        super().__init__(message)

    def __str__(self) -> str:
        """Return the message, its problems, and what to do, a line each."""
        lines = [self.message, *(f"  {problem}" for problem in self.problems)]
        return "\n".join([*lines, self.hint] if self.hint else lines)


class InputError(PercapitaError):
    """A file, option or model of the user's that the command cannot work with."""


class ProofError(PercapitaError):
    """Figures do not close. Nothing was published."""


def nearest(name: str, known: Iterable[str], *, count: int = 3) -> str:
    """Return ``Did you mean a, b?`` for the closest known names, or list the known ones."""
    names = sorted({str(item) for item in known})
    if close := alike(name, names, count=count):
        return f"Did you mean {' or '.join(close)}?"
    more = " …" if len(names) > _SHOWN else ""
    return f"Known: {', '.join(names[:_SHOWN])}{more}." if names else ""


def alike(name: str, known: Iterable[str], *, count: int = 3) -> list[str]:
    """Return the known names that are closest to a name, if any is close."""
    return difflib.get_close_matches(name, sorted({*known}), n=count, cutoff=0.6)
