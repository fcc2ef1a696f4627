"""Pages in a real browser: in both colours, on a phone, by keyboard, without scripts."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Page,
    Request,
    expect,
    sync_playwright,
)

import servers
from web.serving import Site

pytestmark = pytest.mark.external

PAGES = (
    "/overview",
    "/cost?by=tier&by=pool",
    "/cost?by=tier&compare=2025-10",
    "/cost?by=pool&facet=tier&facet=pool&facet=month&where=tier%3DStarter",
    "/explain",
    "/explain?segment=tier%3DStarter",
    "/explain?segment=tier%3DStarter&pool=postgresql",
    "/reconcile",
    "/data",
    "/figures",
    "/statements?by=owner",
    "/statements?for=tier%3DStarter",
    "/report",
    "/oncall",
    "/debug",
    "/traces?sort=cost",
    "/audit",
    "/roles",
    "/roles?for=Product+manager",
    "/history",
    "/decisions?metric=cost_per_unit&where=tier%3DStarter",
    "/resources",
    "/pricing?margin=30&margin=70",
    "/model",
    "/views",
    "/cost?by=nothing",
    "/nothing",
)
DESKTOP, PHONE = (1280, 900), (390, 800)
QUIET = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update",
)  # fmt: skip


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start the browser that the system has."""
    program = shutil.which("chromium")
    if program is None:
        servers.missing("Chromium")
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=program, args=list(QUIET))
        yield found
        found.close()


def opened(browser: Browser, size: tuple[int, int], *, dark: bool = False, js: bool = True) -> Page:
    """Open an empty window."""
    width, height = size
    return browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if dark else "light",
        java_script_enabled=js,
    ).new_page()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_every_page_is_quiet_and_accessible(
    browser: Browser, site: Site, size: tuple[int, int], *, dark: bool
) -> None:
    """No page logs an error, asks a stranger, breaks the policy, or fails axe's A and AA rules."""
    page = opened(browser, size, dark=dark)
    noise: list[str] = []
    strangers: list[str] = []
    own = urlsplit(site.url).netloc

    def heard(said: ConsoleMessage) -> None:
        if said.type == "error":
            noise.append(said.text)

    def asked(request: Request) -> None:
        if urlsplit(request.url).netloc != own:
            strangers.append(request.url)

    page.on("console", heard)
    page.on("pageerror", lambda error: noise.append(str(error)))
    page.on("request", asked)
    found = {}
    for path in PAGES:
        page.goto(site.url + path)
        options = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}
        broken = Axe().run(page, options=options).response["violations"]
        if broken:
            found[path] = [(rule["id"], rule["nodes"][0]["html"][:120]) for rule in broken]
    page.context.close()

    refused = [text for text in noise if "status of 40" not in text]
    assert (found, refused, strangers) == ({}, [], [])


@pytest.mark.parametrize("size", [PHONE, (640, 450)], ids=["phone", "200 % zoom"])
def test_pages_fit_narrow_windows(browser: Browser, site: Site, size: tuple[int, int]) -> None:
    """A page never scrolls sideways; wide tables scroll inside themselves."""
    page = opened(browser, size)
    wide = []
    for path in PAGES:
        page.goto(site.url + path)
        if page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
            wide.append(path)
    page.context.close()

    assert wide == []


def test_on_call_follows_the_stream(browser: Browser, site: Site) -> None:
    """A row that overtakes another takes its name along, and its digits are those of now."""
    now = site.get("/api/v1/live?by=service").json
    first, second = now["rows"][0], now["rows"][1]
    first["service"], second["service"] = second["service"], first["service"]
    first["today"]["amount"] = "1234.5678901"
    told = f"event: live\ndata: {json.dumps(now)}\n\n"
    page = opened(browser, DESKTOP)
    page.route("**/live/stream*", lambda route: route.fulfill(
        body=told, headers={"content-type": "text/event-stream"}
    ))  # fmt: skip
    page.goto(site.url + "/oncall")
    row = page.locator("tr", has=page.locator('[data-live="rows.0.service"]'))
    cell = row.locator('[data-live="rows.0.today.amount"]')

    expect(row.locator("th")).to_have_text(first["service"])
    expect(cell).to_have_text("1,234.57")
    assert cell.get_attribute("title") == cell.get_attribute("value") == "1234.5678901"
    page.context.close()


def test_keys_lead_to_pages(browser: Browser, site: Site) -> None:
    """`g` and a letter open a page, `?` lists the keys, Tab begins at the skip link."""
    page = opened(browser, DESKTOP)
    page.goto(site.url + "/overview")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("?")
    assert page.locator("#keys").is_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("g")
    with page.expect_navigation():
        page.keyboard.press("r")
    assert urlsplit(page.url).path == "/reconcile"
    page.context.close()


def test_choosing_changes_the_address_and_back_returns(browser: Browser, site: Site) -> None:
    """Every state of the explorer is an address: back leads out of a choice, forward in again."""
    page = opened(browser, DESKTOP)
    page.goto(site.url + "/cost?by=tier")
    page.select_option("select[name=by] >> nth=0", "pool")
    expect(page.locator("h1")).to_have_text("Cost by pool")
    assert "by=pool" in page.url
    assert "by=&" not in page.url
    page.go_back()
    expect(page.locator("h1")).to_have_text("Cost by tier")
    expect(page).to_have_title("Cost by tier · percapita")
    page.go_forward()
    expect(page.locator("h1")).to_have_text("Cost by pool")
    assert page.locator("select[name=by] >> nth=0").input_value() == "pool"
    page.context.close()


def test_a_choice_loads_no_new_page(browser: Browser, site: Site) -> None:
    """What is chosen takes the content's place: focus and place stay, and the answer is said."""
    page = opened(browser, (1280, 300))
    page.goto(site.url + "/cost?by=tier")
    page.evaluate("window.same = true")
    page.focus("select[name=by] >> nth=0")
    page.evaluate("scrollTo(0, 40)")
    page.select_option("select[name=by] >> nth=0", "pool")
    expect(page.locator("#said")).to_have_text("Cost by pool")

    assert page.evaluate("[window.same, scrollY, document.activeElement.name]") == [True, 40, "by"]
    assert page.evaluate("document.activeElement.value") == "pool"
    page.locator("tbody th a >> nth=0").scroll_into_view_if_needed()
    place = page.evaluate("scrollY")
    page.click("tbody th a >> nth=0")
    expect(page.locator("#said")).to_have_text("Cost by tier")
    assert page.evaluate("[window.same, scrollY, document.activeElement.id]") == [
        True,
        0,
        "content",
    ]
    assert "where=pool" in page.url
    page.go_back()
    expect(page.locator("#said")).to_have_text("Cost by pool")
    assert page.evaluate("scrollY") == place > 0
    page.context.close()


def test_values_are_chosen_and_views_saved_by_keyboard(browser: Browser, site: Site) -> None:
    """A facet is opened, a value chosen and dropped, and the state saved and deleted, by keys."""
    page = opened(browser, DESKTOP)
    page.goto(site.url + "/cost?by=pool&period=2025-10")
    page.locator("[data-keep='facet tier']").press("Enter")
    value = page.locator(".facets a", has_text="Starter")
    expect(value).to_be_visible()
    assert page.evaluate("document.activeElement.dataset.keep") == "facet tier"
    value.press("Enter")
    expect(page.locator(".facets a[aria-current]")).to_have_text("Starter ✕")
    assert "where=tier%3DStarter" in page.url
    assert page.evaluate("document.activeElement.dataset.keep") == "tier=Starter"

    page.locator("#save summary").press("Enter")
    page.locator("#save input[name=name]").fill("By keys")
    page.locator("#save input[name=name]").press("Enter")
    saved = page.locator(".chips a", has_text="By keys")
    expect(saved).to_be_visible()
    assert "facet=tier" in (saved.get_attribute("href") or "")
    page.goto(site.url + "/views")
    page.locator("button[aria-label='Delete By keys']").press("Enter")
    expect(page.locator("main")).not_to_contain_text("By keys")
    page.context.close()


def test_the_last_choice_is_what_is_shown(browser: Browser, site: Site) -> None:
    """A slow answer says that it is coming, and is given up when something else is chosen."""
    page = opened(browser, DESKTOP)
    page.goto(site.url + "/cost?by=tier")
    page.route("**/cost?by=pool*", lambda _: None)
    page.select_option("select[name=by] >> nth=0", "pool")
    expect(page.locator("main[aria-busy=true]")).to_be_visible()
    expect(page.locator("#said")).to_have_text("Working it out …")
    with page.expect_event("requestfailed") as given_up:
        page.select_option("select[name=by] >> nth=0", "layer")
    expect(page.locator("h1")).to_have_text("Cost by layer")

    assert "by=pool" in given_up.value.url
    assert page.locator("main[aria-busy]").count() == 0
    page.context.close()


def test_what_cannot_be_answered_is_said_in_place(browser: Browser, site: Site) -> None:
    """A wrong filter shows what is wrong with it, and back leads to the figures."""
    page = opened(browser, DESKTOP)
    page.goto(site.url + "/cost?by=tier")
    page.fill("input[name=where][type=text], input[name=where]:not([type])", "teir=Pro")
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_contain_text("Did you mean tier")
    page.go_back()
    expect(page.locator("h1")).to_have_text("Cost by tier")
    page.context.close()


def test_a_choice_after_signing_out_leads_to_sign_in(browser: Browser, site: Site) -> None:
    """What is answered by another page is loaded whole."""
    page = opened(browser, DESKTOP)
    page.goto(site.url + "/cost?by=tier")
    page.route(
        "**/cost?by=pool*", lambda route: route.fulfill(status=302, headers={"Location": "/model"})
    )
    with page.expect_navigation(url="**/model"):
        page.select_option("select[name=by] >> nth=0", "pool")
    page.context.close()


def test_pages_work_without_scripts(browser: Browser, site: Site) -> None:
    """Without scripts a form is sent by its button and links drill down."""
    page = opened(browser, DESKTOP, js=False)
    page.goto(site.url + "/cost?by=tier")
    page.select_option("select[name=by] >> nth=0", "pool")
    page.click("form.ask button")
    assert page.locator("h1").inner_text() == "Cost by pool"
    page.click("tbody th a >> nth=0")
    assert "where=pool" in page.url
    page.context.close()


def test_a_figure_leads_down_to_its_bill_line_and_up_again(browser: Browser, site: Site) -> None:
    """From the first page to a tier's explanation, to a line, to who got it."""
    page = opened(browser, DESKTOP)
    page.goto(site.url + "/overview")
    page.click("tbody th a >> nth=0")
    assert page.locator("h1").inner_text().startswith("Why tier")
    page.click("a:has(code) >> nth=0")
    assert urlsplit(page.url).path == "/line"
    assert page.locator("text=Who got it").is_visible()
    page.context.close()
