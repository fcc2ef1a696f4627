"""Signing in: with a token, and through a real OpenID provider on this machine."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests
from oidc_provider_mock import User, run_server_in_thread

from figures.folder import make_project
from figures.w1 import w1
from percapita.cli.main import run
from percapita.project import Project
from percapita.project.access import PageLimits
from percapita.store.trail import Trail
from web.serving import Reply, Site, kept_in, served

ACCOUNTS: Final = {
    "ada": User(sub="ada", claims={"email": "ada@shop.example", "groups": ["controlling"]}),
    "ola": User(sub="ola", claims={"email": "ola@shop.example", "groups": ["sre", "staff"]}),
    "vic": User(sub="vic", claims={"email": "vic@shop.example", "groups": "staff"}),
    "eve": User(sub="eve", claims={"email": "eve@else.example", "groups": ["guests"]}),
}
ROLES: Final = {"ada": "finance", "ola": "operator", "vic": "viewer"}


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    """Run an OpenID provider; return its address."""
    with run_server_in_thread(user_claims=list(ACCOUNTS.values()), require_nonce=True) as server:
        yield f"http://localhost:{server.server_port}"


@pytest.fixture(scope="module")
def folder(provider: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return CloudMetrics' project, with sign-in set up."""
    made = make_project(tmp_path_factory.mktemp("sign-in"), w1())
    (made / "client.secret").write_text("a secret\n")
    with (made / "percapita.yaml").open("a") as file:
        file.write(f"""
sign in:
  issuer: {provider}
  client: percapita
  name: Example ID
  secret: {{file: client.secret}}
  roles: {{finance: [controlling], operator: [sre], viewer: [staff]}}
""")
    return made


@pytest.fixture(scope="module")
def guarded(folder: Path) -> Iterator[Site]:
    """Serve it with sign-in asked for."""
    with served(folder, demands=True, limits=PageLimits(attempts=10_000)) as site:
        yield site


@dataclass(frozen=True, slots=True)
class Window:
    """A browser as far as cookies go."""

    site: Site
    cookies: Mapping[str, str]

    def get(self, path: str) -> Reply:
        """Ask for a page."""
        return self.site.ask("GET", path, Cookie=_written(self.cookies))

    def post(self, path: str, form: Mapping[str, str], **headers: str) -> Reply:
        """Send a form as a page of the site would."""
        given = {"Cookie": _written(self.cookies), "Origin": self.site.url, **headers}
        return self.site.ask("POST", path, form, **given)

    def after(self, reply: Reply) -> Window:
        """Return the window as a reply leaves it."""
        return replace(self, cookies={**self.cookies, **cookies_of(reply)})


def _written(cookies: Mapping[str, str]) -> str:
    return "; ".join(f"{name}={value}" for name, value in cookies.items())


def cookies_of(reply: Reply) -> dict[str, str]:
    """Return the cookies that a reply sets."""
    return dict(re.findall(r"(\w+)=([\w-]+);", reply.headers.get("set-cookie", "")))


def token_of(folder: Path, name: str, role: str, capsys: pytest.CaptureFixture[str]) -> str:
    """Make a token on the command line."""
    capsys.readouterr()
    assert run(["token", "create", name, "--role", role, "--project", str(folder)]) == 0
    return capsys.readouterr().out.strip()


def signed_in(site: Site, token: str) -> Window:
    """Sign in with a token."""
    window = Window(site, {})
    reply = window.post("/sign-in", {"token": token, "next": "/cost?by=tier"})
    assert (reply.status, reply.headers["location"]) == (303, "/cost?by=tier")
    return window.after(reply)


def through(site: Site, account: str) -> tuple[Window, Reply]:
    """Sign in through the provider as a browser does; return what came back at last."""
    window = Window(site, {})
    start = window.get("/sign-in/start?next=%2Fmodel")
    window = window.after(start)
    back = requests.post(
        start.headers["location"], data={"sub": account}, allow_redirects=False, timeout=30
    ).headers["location"]
    reply = window.get(back.removeprefix(site.url))
    return window.after(reply), reply


def test_who_has_not_signed_in_is_led_there_and_back(guarded: Site) -> None:
    """A page leads to sign-in and keeps where it was going; a program gets 401."""
    page = guarded.ask("GET", "/cost?by=tier")

    assert page.status == 303
    assert page.headers["location"] == "/sign-in?next=%2Fcost%3Fby%3Dtier"
    assert 'value="/cost?by=tier"' in guarded.get(page.headers["location"]).text
    assert guarded.ask("GET", "/cost.json?by=tier").status == 401


def test_a_token_signs_a_browser_in(
    guarded: Site, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The form takes a token, the cookie is opaque, its hash alone is kept; signing out ends it."""
    token = token_of(folder, "board", "viewer", capsys)
    reply = Window(guarded, {}).post("/sign-in", {"token": token})
    window = Window(guarded, cookies_of(reply))
    page = window.get("/overview")
    csrf = re.findall(r'name="csrf" value="(\w+)"', page.text)[0]
    cookie = reply.headers["set-cookie"]
    stored = kept_in(folder)

    assert page.status == 200
    assert "token board · viewer" in page.text
    assert "HttpOnly" in cookie
    assert "samesite=lax" in cookie.lower()
    assert token not in cookie
    assert window.cookies["percapita"].encode() not in stored
    assert window.get("/reconcile").status == 403
    out = window.post("/sign-out", {"csrf": csrf})
    assert (out.status, out.headers["location"]) == (303, "/sign-in")
    # The very cookie opens nothing any more, whatever the browser still has.
    assert window.get("/overview").status == 303


def test_a_wrong_token_signs_nobody_in(guarded: Site, folder: Path) -> None:
    """A token that is none, or a sender's, is refused and written down."""
    reply = Window(guarded, {}).post("/sign-in", {"token": "pct_nothing"})

    assert reply.status == 401
    assert "set-cookie" not in reply.headers
    assert "opens no pages" in reply.text
    with Project.open(folder).store() as store:
        assert Trail(store.catalog).read(what="refused")[0].ref == "POST /sign-in"


def test_a_revoked_token_ends_its_sessions(
    guarded: Site, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who signed in with a token is out as soon as it is revoked."""
    window = signed_in(guarded, token_of(folder, "brief", "finance", capsys))
    assert window.get("/reconcile").status == 200
    assert run(["token", "revoke", "brief", "--project", str(folder)]) == 0

    assert window.get("/reconcile").status == 303


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)",
        "/overview\r\nSet-Cookie: x=y", "/sign-out", "",
    ],
)  # fmt: skip
def test_sign_in_leads_nowhere_else(
    guarded: Site, wanted: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """After signing in only pages of percapita are led to."""
    name = f"next{abs(hash(wanted))}"
    token = token_of(folder, name, "viewer", capsys)
    reply = Window(guarded, {}).post("/sign-in", {"token": token, "next": wanted})

    assert reply.headers["location"] == "/overview"


@pytest.mark.parametrize("account", ROLES)
def test_the_provider_says_who_it_is(guarded: Site, account: str, folder: Path) -> None:
    """A sign-in by code with PKCE gives the role that the claim is mapped to, and is audited."""
    window, reply = through(guarded, account)
    page = window.get("/model")

    assert (reply.status, reply.headers["location"]) == (303, "/model")
    assert f"{account}@shop.example · {ROLES[account]}" in page.text
    with Project.open(folder).store() as store:
        entry = Trail(store.catalog).read(what="sign in")[0]
    assert (entry.who, entry.ref) == (f"{account}@shop.example", ROLES[account])


def test_the_request_to_the_provider_is_guarded(guarded: Site) -> None:
    """The code is asked for with a challenge, a state and a nonce, each new each time."""
    asked = [
        parse_qs(urlsplit(guarded.ask("GET", "/sign-in/start").headers["location"]).query)
        for _ in range(2)
    ]

    assert asked[0]["response_type"] == ["code"]
    assert asked[0]["code_challenge_method"] == ["S256"]
    for name in ("state", "nonce", "code_challenge"):
        assert len(asked[0][name][0]) >= 43
        assert asked[0][name] != asked[1][name]


def test_an_account_without_a_role_stays_out(guarded: Site) -> None:
    """Who has no value of the claim that is mapped is told so, and gets no session."""
    window, reply = through(guarded, "eve")

    assert reply.status == 403
    assert "eve@else.example has no role here" in reply.text
    assert window.get("/overview").status == 303


def test_an_answer_of_another_sign_in_is_refused(guarded: Site) -> None:
    """A code without the cookie, with another state, or a second time opens nothing."""
    start = Window(guarded, {}).get("/sign-in/start")
    window = Window(guarded, cookies_of(start))
    other = Window(guarded, cookies_of(Window(guarded, {}).get("/sign-in/start")))
    answer = requests.post(
        start.headers["location"], data={"sub": "ada"}, allow_redirects=False, timeout=30
    ).headers["location"]
    path = answer.removeprefix(guarded.url)

    assert Window(guarded, {}).get(path).status == 401
    assert other.get(path).status == 401
    state = {"state": "x" * 43, "code": "y"}
    assert window.get(f"/sign-in/back?{urlencode(state)}").status == 401
    # The sign-in is spent by the attempt, so that nobody can try states.
    assert window.get(path).status == 401


def test_what_the_provider_refuses_is_said(guarded: Site) -> None:
    """Somebody who says no at the provider reads that it was refused."""
    window = Window(guarded, cookies_of(start := Window(guarded, {}).get("/sign-in/start")))
    answer = requests.post(
        start.headers["location"], data={"action": "deny"}, allow_redirects=False, timeout=30
    ).headers["location"]
    state = parse_qs(urlsplit(start.headers["location"]).query)["state"][0]
    query = parse_qs(urlsplit(answer).query)
    told = {"state": state, "error": query["error"][0]}
    reply = window.get(f"/sign-in/back?{urlencode(told)}")

    assert reply.status == 401
    assert "access_denied" in reply.text


def test_a_provider_that_is_away_is_said(folder: Path, tmp_path: Path) -> None:
    """Where the provider does not answer the page says so; tokens still sign in."""
    (tmp_path / "percapita.yaml").write_text(
        "version: 1\nsign in: {issuer: 'http://127.0.0.1:9', client: x, roles: {viewer: ['*']}}\n"
    )
    with served(tmp_path, demands=True) as site:
        reply = site.ask("GET", "/sign-in/start")

    assert reply.status == 502
    assert "does not answer" in reply.text
    assert folder.exists()


@pytest.mark.parametrize("cookie", ["", "x", "a" * 43, "../../etc/passwd", "' OR 1=1 --", "é"])
def test_a_cookie_that_was_tampered_with_opens_nothing(guarded: Site, cookie: str) -> None:
    """What is no session's cookie is nobody."""
    reply = guarded.ask("GET", "/overview", Cookie=f"percapita={cookie}".encode().decode("latin-1"))

    assert reply.status == 303


def test_cookies_travel_over_tls_alone_off_this_machine(
    guarded: Site, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Behind a proxy the cookie is Secure and bound to the host by its name."""
    token = token_of(folder, "afar", "viewer", capsys)
    passed_on = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"}
    reply = guarded.ask("POST", "/sign-in", {"token": token}, **passed_on)

    assert reply.headers["set-cookie"].startswith("__Host-percapita=")
    assert "Secure" in reply.headers["set-cookie"]
    plain = guarded.ask("GET", "/sign-in", X_Forwarded_For="203.0.113.9")
    assert "not encrypted" in plain.text


FORGED: Final = (
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
)


@pytest.mark.parametrize("headers", FORGED)
def test_another_site_can_send_no_form(
    guarded: Site, headers: Mapping[str, str], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A form from another page changes nothing, with or without the cookie."""
    window = signed_in(guarded, token_of(folder, f"f{abs(hash(str(headers)))}", "viewer", capsys))
    csrf = re.findall(r'name="csrf" value="(\w+)"', window.get("/overview").text)[0]

    assert window.post("/sign-out", {"csrf": csrf}, **headers).status == 403
    assert window.post("/sign-out", {}).status == 403
    assert window.post("/sign-out", {"csrf": "0" * 64}).status == 403
    assert window.get("/overview").status == 200
    assert guarded.ask("POST", "/sign-in", {"token": "x"}, **dict(headers)).status == 403


def test_guessing_is_slowed_down(folder: Path) -> None:
    """After twenty wrong tokens an address waits; the audit log is not flooded."""
    with served(folder, demands=True) as site:
        replies = [site.ask("POST", "/sign-in", {"token": f"t{n}"}) for n in range(25)]
        program = site.ask("GET", "/cost.json", Authorization="Bearer pct_wrong")

    assert [reply.status for reply in replies][:20] == [401] * 20
    assert replies[-1].status == 429
    assert int(replies[-1].headers["retry-after"]) >= 1
    assert program.status == 429
    assert program.json["status"] == 429


def test_a_reader_is_slowed_down(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two hundred requests at once are answered, the next ones are told when to come back."""
    bearer = f"Bearer {token_of(folder, 'eager', 'viewer', capsys)}"
    with served(folder, demands=True) as site:
        found = [
            site.ask("GET", "/static/page.css", Authorization=bearer).status for _ in range(420)
        ]

    assert found[:200] == [200] * 200
    assert 429 in found
