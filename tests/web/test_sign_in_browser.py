"""Signing in as people do it: in Chromium, with a token and through an OpenID provider."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from oidc_provider_mock import User, run_server_in_thread
from playwright.sync_api import Browser, sync_playwright

import servers
from figures.folder import make_project
from figures.w1 import w1
from percapita.project import Project
from percapita.project.access import PageLimits
from web.serving import Site, served
from web.test_browser import QUIET

pytestmark = pytest.mark.external


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


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return CloudMetrics' project with a provider that knows Ada."""
    ada = User(sub="ada", claims={"email": "ada@shop.example", "groups": ["board"]})
    with run_server_in_thread(user_claims=[ada]) as provider:
        made = make_project(tmp_path_factory.mktemp("browser"), w1())
        (made / "client.secret").write_text("a secret\n")
        with (made / "percapita.yaml").open("a") as file:
            file.write(
                f"sign in: {{issuer: 'http://localhost:{provider.server_port}', client: percapita,"
                " name: Example ID, secret: {file: client.secret}, roles: {viewer: [board]}}\n"
            )
        yield made


@pytest.fixture(scope="module")
def guarded(folder: Path) -> Iterator[Site]:
    """Serve it with sign-in asked for."""
    with served(folder, demands=True, limits=PageLimits(attempts=10_000)) as site:
        yield site


def test_a_browser_signs_in_through_the_provider_and_out(browser: Browser, guarded: Site) -> None:
    """To the provider, back to that very page, and out at both again; scripts see no cookie."""
    page = browser.new_context().new_page()
    page.goto(f"{guarded.url}/cost?by=tier")
    page.click("text=Sign in with Example ID")
    page.click("button:has-text('ada')")
    page.wait_for_url(f"{guarded.url}/cost?by=tier")

    assert page.locator("text=ada@shop.example · viewer").is_visible()
    assert page.evaluate("document.cookie") == ""
    page.click("text=Sign out")
    page.wait_for_url("**/oauth2/end_session?*")
    page.click("button:has-text('End session')")
    page.wait_for_url(f"{guarded.url}/sign-in?state=*")
    page.goto(f"{guarded.url}/overview")
    assert "/sign-in" in page.url
    page.context.close()


@pytest.mark.parametrize("scripts", [True, False])
def test_a_browser_signs_in_with_a_token(
    browser: Browser, guarded: Site, folder: Path, *, scripts: bool
) -> None:
    """The form works with and without scripts, says what is wrong, and the log shows it all."""
    project = Project.open(folder)
    with project.store() as store:
        token = store.tokens.create(f"admin-{scripts}", "admin", project.now)
    page = browser.new_context(java_script_enabled=scripts).new_page()
    page.goto(f"{guarded.url}/audit")
    page.fill("#token", "wrong")
    page.click("form.sign-in button")
    assert page.locator("[role=alert]").inner_text() == "That token opens no pages, or was revoked."
    page.fill("#token", token)
    page.click("form.sign-in button")

    page.locator("text=✗ refused >> nth=0").wait_for()
    assert page.url == f"{guarded.url}/audit"
    page.context.close()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_sign_in_is_accessible(browser: Browser, guarded: Site, *, dark: bool) -> None:
    """The sign-in page passes axe's A and AA rules and fits a phone, in both colours."""
    page = browser.new_context(
        color_scheme="dark" if dark else "light", viewport={"width": 390, "height": 800}
    ).new_page()
    page.goto(f"{guarded.url}/sign-in")
    options = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}

    assert Axe().run(page, options=options).response["violations"] == []
    assert not page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
    page.context.close()
