"""Statements, the month's report and the pricing feed: one set of figures in every form."""

from __future__ import annotations

import html
import json
import re
from decimal import Decimal
from pathlib import Path

import pytest

import percapita
from percapita.api import Book
from percapita.cli.main import run
from percapita.report.document import pdf
from percapita.report.document.blocks import Document, Heading
from percapita.report.document.typeface import Typeface
from percapita.report.statements.pricing import MarginError, VersionError
from percapita.report.statements.showback import (
    NobodyNamedError,
    NotClosedError,
    NothingOfTheirsError,
)
from web.serving import Site, served


def printed(project: Path, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """Return what a command prints."""
    capsys.readouterr()
    assert run([*words, "--project", str(project)]) == 0
    return capsys.readouterr().out


def words_of(page: str) -> str:
    """Return what a page says, without its markup."""
    return html.unescape(re.sub(r"<[^>]+>", " ", page))


def test_a_statement_sums_its_pools(cloudmetrics: Path) -> None:
    """CloudMetrics' Starter cost 32,990.00, the sum of its pools, 27.49 a customer."""
    with percapita.open(cloudmetrics) as book:
        data = book.statement("tier=Starter", period="2025-10").data

    assert data["totals"]["total"] == "32990.00"
    assert sum(Decimal(row["total"]) for row in data["rows"]) == Decimal("32990.00")
    assert {row["pool"]: row["total"] for row in data["rows"]}["postgresql"] == "13440.00"
    shares = sum((Decimal(row["share_percent"]) for row in data["rows"]), Decimal(0))
    assert abs(shares - 100) < Decimal("1e-9")


def test_statements_of_all_are_the_bill(cloudmetrics: Path) -> None:
    """What all tiers are shown sums to the whole bill: nobody is shown another's cost."""
    with percapita.open(cloudmetrics) as book:
        found = [
            book.statement(f"tier={tier}").data
            for tier in ("Starter", "Professional", "Enterprise")
        ]

    assert sum(Decimal(one["totals"]["total"]) for one in found) == Decimal(95_000)
    for one in found:
        rest = sum(map(Decimal, one["classes"].values()))
        assert Decimal(one["totals"]["total"]) + rest == Decimal(95_000)


def test_a_statement_is_alike_in_every_form(
    cloudmetrics: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Page, document, Markdown, command and Python show a tier the same figures."""
    asked = ("statement", "--for", "tier=Enterprise", "--period", "2025-10")
    ours = json.loads(printed(cloudmetrics, capsys, *asked, "--format", "json"))
    with served(cloudmetrics) as site, percapita.open(cloudmetrics) as book:
        address = "?for=tier%3DEnterprise&period=2025-10"
        theirs = site.get(f"/api/v1/statements{address}").json
        python = book.statement("tier=Enterprise", period="2025-10").data
        pages = [site.get(f"/statements{form}{address}").text for form in ("", ".html", ".md")]

    for part in ("rows", "totals", "classes"):
        assert ours[part] == theirs[part] == python[part]
    assert ours["meta"]["statement"] == theirs["meta"]["statement"]
    pages += [printed(cloudmetrics, capsys, *asked), printed(cloudmetrics, capsys, *asked,
                                                           "--format", "md")]  # fmt: skip
    for page in pages:
        for figure in ("36,260.00", "725.20", "9,000.00", ours["meta"]["statement"]):
            assert figure in words_of(page)


def test_a_team_has_no_revenue(book: Book) -> None:
    """Who owns pools is shown their cost; what customers pay is not the team's."""
    totals = book.statement("owner=data team", period="2025-10").data["totals"]

    assert totals["total"] is not None
    assert totals["revenue"] is None
    assert totals["margin"] is None


def test_the_month_before_stands_beside(book: Book) -> None:
    """A month is compared with the one before it, pool by pool, and the changes sum."""
    data = book.statement("tier=Pro", period="2025-11").data

    assert data["meta"]["compared_with"] == "2025-10"
    changes = sum(Decimal(row["total_change"]) for row in data["rows"])
    assert changes == Decimal(data["totals"]["total_change"])


def test_only_closed_months_are_charged(book: Book) -> None:
    """An open month can be shown, not charged; the error says how to close it."""
    with pytest.raises(NotClosedError) as caught:
        book.statement("tier=Pro", period="2025-10", chargeback=True)
    assert "percapita close 2025-10" in caught.value.hint


def test_a_statement_of_nobody_is_refused(book: Book) -> None:
    """What is no name, and who had nothing, gets no empty statement."""
    with pytest.raises(NobodyNamedError):
        book.statement("Pro")
    with pytest.raises(NothingOfTheirsError):
        book.statement("tier=Platinum", period="2025-10")


def test_a_statement_number_is_that_of_its_figures(book: Book) -> None:
    """Asked for again, a statement has the same number; another month's has another."""
    first, again, other = (
        book.statement("tier=Pro", period=period).data["meta"]["statement"]
        for period in ("2025-10", "2025-10", "2025-11")
    )

    assert first == again
    assert first != other


# ---- the month's report ----


def test_a_report_shows_the_figures_of_the_pages(
    cloudmetrics: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Report and overview agree to the digit; what the report writes stands in each form."""
    ours = json.loads(printed(cloudmetrics, capsys, "report", "--format", "json"))
    with served(cloudmetrics) as site:
        overview = site.get("/api/v1/overview").json
        texts = [site.get(f"/report{form}").text for form in ("", ".html", ".md")]

    assert {**overview, "meta": None} == {
        key: None if key == "meta" else value
        for key, value in ours.items()
        if key != "reconciliation"
    }
    assert ours["reconciliation"]["difference"] == "0.00"
    assert "| direct | shared | overhead | total |" in texts[-1]
    for text in texts:
        for figure in ("27.49", "103.00", "725.20", "95,000.00"):
            assert figure in words_of(text)


def test_a_report_is_a_pdf(project: Path, site: Site, tmp_path: Path) -> None:
    """Without a browser a PDF is written, by the command and by the page."""
    pytest.importorskip("reportlab")
    out = tmp_path / "report.pdf"
    asked = ["report", "--period", "2025-10", "--format", "pdf", "--out", str(out)]
    assert run([*asked, "--project", str(project)]) == 0

    written = out.read_bytes()
    assert written.startswith(b"%PDF-")
    assert site.fetch("/report.pdf?period=2025-10").startswith(b"%PDF-")


def test_letters_of_a_pdf_are_written_or_named() -> None:
    """Each letter has a typeface, or stands as a question mark that the file accounts for."""
    pytest.importorskip("reportlab")
    face = Typeface()

    assert face.markup("Naïve & Söhne") == "Naïve &amp; Söhne"
    assert face.markup("a漢字") == 'a<font name="STSong-Light">漢字</font>'
    assert face.unwritten == set()
    assert face.markup("שלום 🦉") == "???? ?"
    assert face.unwritten == set("שלום🦉")
    names = Document("names", (Heading("漢字", 1), Heading("かな"), Heading("한국어")))
    for typeface in (b"STSong-Light", b"HeiseiKakuGo-W5", b"HYGothic-Medium"):
        assert typeface in pdf.write(names)
    unwritable = Document("names", (Heading("שלום", 1),))
    accounted = Document("names", (Heading("????", 1),))
    assert len(pdf.write(unwritable)) > len(pdf.write(accounted))


def test_names_cannot_write_into_a_report() -> None:
    """What users are called is text in HTML and in Markdown, never markup."""
    from percapita.report.document import html as page  # noqa: PLC0415
    from percapita.report.document import markdown  # noqa: PLC0415
    from percapita.report.document.blocks import Document, Grid, Heading  # noqa: PLC0415

    name = "<b>|Acme*_[x](y)"
    found = Document(name, [Heading(name, 1), Grid(["tenant", "cost"], [[name, "1.00"]])])
    assert "<b>" not in page.write(found)
    written = markdown.write(found)
    assert "\\|Acme" in written
    assert "[x]" not in written.replace("\\[x]", "")


# ---- prices ----


def test_prices_hold_their_margin(cloudmetrics: Path) -> None:
    """For 30 % and 70 % CloudMetrics' tiers must sell at the published prices."""
    with percapita.open(cloudmetrics) as book:
        tiers = book.pricing("tier", period="2025-10", margins=["30", "70"]).data["tiers"]

    found = {
        row["tier"]: [str(round(Decimal(one["price"]), 2)) for one in row["prices"]]
        for row in tiers
    }
    assert found == {
        "Starter": ["39.27", "91.64"],
        "Professional": ["147.14", "343.33"],
        "Enterprise": ["1036.00", "2417.33"],
    }


def test_a_version_never_changes(cloudmetrics: Path) -> None:
    """A version asked for by its id has the figures it had; a tampered id is refused."""
    with percapita.open(cloudmetrics) as book:
        now = book.pricing("tier", period="2025-10").data
        again = book.pricing(version=now["meta"]["version"]).data
        with pytest.raises(VersionError):
            book.pricing(version=now["meta"]["version"][:-1] + "!")
        with pytest.raises(VersionError):
            book.pricing(version="newest")

    assert again["tiers"] == now["tiers"]
    assert again["meta"]["version"] == now["meta"]["version"]


def test_the_feed_is_that_of_the_command(
    cloudmetrics: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """/api/v1/pricing answers what `percapita pricing` prints."""
    asked = ("pricing", "--by", "tier", "--period", "2025-10", "--margin", "70")
    ours = json.loads(printed(cloudmetrics, capsys, *asked, "--format", "json"))
    with served(cloudmetrics) as site:
        theirs = site.get("/api/v1/pricing?by=tier&period=2025-10&margin=70").json

    for part in ("tiers", "drivers"):
        assert ours[part] == theirs[part]
    assert "91.64" in printed(cloudmetrics, capsys, *asked)


@pytest.mark.parametrize("margin", ["100", "-1", "much"])
def test_a_margin_is_below_its_price(cloudmetrics: Path, margin: str) -> None:
    """Nothing sells at a margin of its whole price."""
    with percapita.open(cloudmetrics) as book, pytest.raises(MarginError):
        book.pricing(margins=[margin])
