"""Pages from templates: everything is escaped, every number goes through one formatter."""

from __future__ import annotations

import hashlib
from decimal import Decimal
from functools import lru_cache
from importlib.resources import files
from typing import Any, Final
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.requests import Request

from percapita.report import numbers
from percapita.web.routes import PAGE_ROLES

_PAGES: Final = (
    ("overview", "Overview", "o", ""),
    ("cost", "Explorer", "c", ""),
    ("explain", "Explain", "e", ""),
    ("statements", "Statements", "s", ""),
    ("oncall", "On call", "n", ""),
    ("roles", "By role", "v", "More"),
    ("debug", "Debugging", "t", "More"),
    ("traces", "Traces", "i", "More"),
    ("report", "Report", "b", "More"),
    ("pricing", "Prices", "p", "More"),
    ("reconcile", "Reconcile", "r", "More"),
    ("history", "Versions", "h", "More"),
    ("decisions", "Decisions", "l", "More"),
    ("data", "Data health", "d", "More"),
    ("resources", "Resource map", "u", "More"),
    ("model", "Cost model", "m", "More"),
    ("figures", "Metrics", "f", "More"),
    ("views", "Saved views", "w", "More"),
    ("audit", "Audit log", "a", "More"),
)
"""Page, its name, the letter that ``g`` and it lead there by, and the menu it stands in."""


def page(template: str, request: Request, **values: Any) -> str:  # noqa: ANN401
    """Return a page as HTML."""
    here = request.url.path.strip("/").split(".")[0] or "overview"
    query = urlencode(request.query_params.multi_items())
    caller = getattr(request.state, "caller", None)
    pages = [one for one in _PAGES if caller and caller.role in PAGE_ROLES[one[0]]]
    return (
        _environment()
        .get_template(template)
        .render(
            values,
            here=here,
            query=query,
            pages=pages,
            caller=caller,
            saved=getattr(request.state, "saved", ()),
        )
    )


@lru_cache(maxsize=1)
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("percapita.web", "templates"), autoescape=True,
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    made.filters |= {
        "money": money,
        "fine": fine,
        "count": count,
        "percent": percent,
        "signed": signed,
        "rise": rise,
        "age": age,
        "brief": numbers.brief,
        "prose": prose,
    }
    made.globals["static"] = static
    return made


def money(value: object, places: int = 2, missing: str = numbers.UNKNOWN) -> Markup:
    """Write an amount; the exact one shows when pointed at."""
    if value is None:
        return Markup('<span class="unknown">{}</span>').format(missing)
    exact = Decimal(str(value))
    return Markup('<data value="{0}" title="{0}">{1}</data>').format(
        str(value), numbers.amount(exact, places)
    )


def fine(value: object, places: int = 2) -> Markup:
    """Write an amount that may be below a cent: then with the digits that it has."""
    if value is None:
        return money(value)
    return money(value, numbers.least_places(Decimal(str(value)), places))


def signed(value: object, places: int = 2) -> Markup:
    """Write a change, with its sign; rises of cost are marked, and so are falls."""
    if value is None:
        return Markup('<span class="unknown">{}</span>').format(numbers.UNKNOWN)
    exact = Decimal(str(value))
    arrow, paint = ("▲", "more") if exact > 0 else ("▼", "less") if exact < 0 else ("", "")
    plus = "+" if exact > 0 else ""
    return Markup('<data class="{}" value="{}" title="{}">{}{} {}</data>').format(
        paint, str(value), str(value), plus, numbers.amount(exact, places), arrow
    )


def rise(value: object) -> Markup:
    """Write a change in percent of a cost; rises are marked, and so are falls."""
    exact = Decimal(str(value))
    arrow, paint = ("▲", "more") if exact > 0 else ("▼", "less") if exact < 0 else ("", "")
    plus = "+" if exact > 0 else ""
    return Markup('<data class="{}" value="{}" title="{}">{} {}{} %</data>').format(
        paint, str(value), str(value), arrow, plus, numbers.share(exact)
    )


def age(seconds: int) -> str:
    """Write how long ago something was."""
    for size, name in ((86_400, "days"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size:,} {name}"
    return f"{seconds} s"


def prose(text: str) -> Markup:
    """Write a sentence; what stands in backticks is set as code."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return escape(text)
    return Markup().join(
        Markup("<code>{}</code>").format(part) if n % 2 else escape(part)
        for n, part in enumerate(parts)
    )


def count(value: int | None) -> Markup:
    """Write a whole number."""
    return escape(numbers.count(value))


def percent(value: object, missing: str = numbers.UNDEFINED) -> Markup:
    """Write a percentage with its sign."""
    if value is None:
        return Markup('<span class="unknown">{}</span>').format(missing)
    return escape(f"{numbers.share(Decimal(str(value)))} %")


@lru_cache(maxsize=16)
def static(name: str) -> str:
    """Return the address of a static file; it changes with the content."""
    content = files("percapita.web").joinpath("static", name).read_bytes()
    return f"/static/{name}?v={hashlib.blake2b(content, digest_size=6).hexdigest()}"
