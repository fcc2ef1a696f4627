"""Signing in as a public client of a certified OpenID provider: PKCE instead of a secret."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import pytest
import requests

from figures.folder import make_project
from figures.w1 import w1
from percapita.project.access import PageLimits
from servers.oidc import started, twist
from servers.ports import free_ports
from web.serving import Reply, Site, served
from web.test_sign_in import Window

pytestmark = pytest.mark.external

ROLES: Final = {"controlling-ada": "finance", "sre-ola": "operator", "staff-vic": "viewer"}


@dataclass(frozen=True, slots=True)
class Signed:
    """Pages, and the provider that people sign in with."""

    site: Site
    provider: str


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Signed]:
    """Serve CloudMetrics with sign-in at the provider, as a client that has no secret."""
    folder = make_project(tmp_path_factory.mktemp("public"), w1())
    with ExitStack() as stack:
        (port,) = free_ports(1)
        provider = stack.enter_context(started("percapita", f"http://127.0.0.1:{port}"))
        with (folder / "percapita.yaml").open("a") as file:
            file.write(f"""
sign in:
  issuer: {provider}
  client: percapita
  scope: openid email groups
  roles: {{finance: [controlling], operator: [sre], viewer: [staff]}}
""")
        limits = PageLimits(attempts=10_000)
        site = stack.enter_context(served(folder, port=port, demands=True, limits=limits))
        yield Signed(site, provider)


@dataclass(slots=True)
class Person:
    """Somebody with a browser that knows both the pages and the provider."""

    signed: Signed
    account: str
    window: Window
    theirs: requests.Session

    def start(self) -> str:
        """Ask the pages to sign in; return where they lead."""
        reply = self.window.get("/sign-in/start?next=%2Fmodel")
        self.window = self.window.after(reply)
        return reply.headers["location"]

    def agree(self, address: str) -> str:
        """Sign in at the provider and consent; return where it leads at last."""
        for _ in range(12):
            if address.startswith(self.signed.site.url):
                return address.removeprefix(self.signed.site.url)
            reply = self.theirs.get(address, allow_redirects=False, timeout=30)
            if reply.status_code == 200:
                (prompt,) = re.findall(r'name="prompt" value="(\w+)"', reply.text)
                sent = {"prompt": prompt, "login": self.account, "password": "any"}
                reply = self.theirs.post(address, data=sent, allow_redirects=False, timeout=30)
            assert reply.status_code in (302, 303), reply.text
            address = urljoin(address, reply.headers["location"])
        raise AssertionError(address)

    def back(self, path: str) -> Reply:
        """Come back to the pages."""
        reply = self.window.get(path)
        self.window = self.window.after(reply)
        return reply

    def sign_in(self) -> Reply:
        """Go all the way."""
        return self.back(self.agree(self.start()))


def _person(signed: Signed, account: str = "staff-vic") -> Person:
    return Person(signed, account, Window(signed.site, {}), requests.Session())


@pytest.mark.parametrize(("account", "role"), ROLES.items())
def test_a_public_client_signs_people_in(signed: Signed, account: str, role: str) -> None:
    """No secret is sent; the groups, which only userinfo tells, give the role."""
    person = _person(signed, account)
    reply = person.sign_in()
    page = person.window.get("/model")

    assert (reply.status, reply.headers["location"]) == (303, "/model")
    assert f"{account}@shop.example · {role}" in page.text


def test_a_group_without_a_role_stays_out(signed: Signed) -> None:
    """Who is in no group that is mapped gets no session."""
    person = _person(signed, "guests-eve")
    reply = person.sign_in()

    assert reply.status == 403
    assert "has no role here" in reply.text
    assert person.window.get("/model").status == 303


def test_a_code_is_nothing_without_its_verifier(signed: Signed) -> None:
    """Whoever catches a code cannot exchange it: the provider asks for the verifier behind it."""
    person = _person(signed)
    path = person.agree(person.start())
    (code,) = parse_qs(urlsplit(path).query)["code"]
    sent = {
        "grant_type": "authorization_code", "code": code, "client_id": "percapita",
        "redirect_uri": f"{signed.site.url}/sign-in/back", "code_verifier": "x" * 43,
    }  # fmt: skip
    caught = requests.post(f"{signed.provider}/token", data=sent, timeout=30)

    assert caught.status_code == 400
    assert caught.json()["error"] == "invalid_grant"


def test_a_swapped_state_or_nonce_is_refused(signed: Signed) -> None:
    """An answer with another state, and a token that carries another nonce, open nothing."""
    for name in ("state", "nonce"):
        person = _person(signed)
        address = urlsplit(person.start())
        asked = {n: values[0] for n, values in parse_qs(address.query).items()}
        other = address._replace(query=urlencode(asked | {name: "x" * 43})).geturl()
        reply = person.back(person.agree(other))

        assert reply.status == 401, name
        assert person.window.get("/model").status == 303


NOW: Final = int(time.time())
TWISTS: Final = {
    "another audience": {"aud": "somebody-else"},
    "another application among several": {"aud": ["percapita", "other"], "azp": "other"},
    "expired": {"iat": NOW - 7200, "exp": NOW - 3600},
    "another issuer": {"iss": "http://localhost:1"},
    "another nonce": {"nonce": "x" * 43},
    "no signature": {"alg": "none"},
    "no subject": {"sub": None},
}


@pytest.mark.parametrize("wrong", TWISTS.values(), ids=TWISTS)
def test_a_token_that_was_not_meant_for_us_is_refused(
    signed: Signed, wrong: dict[str, object]
) -> None:
    """Signed by the provider's own key or not, a token with a wrong claim gives no session."""
    person = _person(signed)
    path = person.agree(person.start())
    twist(signed.provider, wrong)
    reply = person.back(path)

    assert reply.status == 401
    assert "gave no ID token to trust" in reply.text
    assert person.window.get("/model").status == 303
    # The next one is as it should be.
    assert _person(signed).sign_in().status == 303


def test_signing_out_ends_the_session_at_the_provider(signed: Signed) -> None:
    """The page after signing out leads to the provider, which ends its session and leads back."""
    person = _person(signed)
    person.sign_in()
    (csrf,) = set(re.findall(r'name="csrf" value="(\w+)"', person.window.get("/model").text))
    out = person.window.post("/sign-out", {"csrf": csrf})
    (onward,) = re.findall(r'<a href="([^"]+session/end[^"]+)"', out.text)
    asked = person.theirs.get(onward.replace("&amp;", "&"), timeout=30)
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', asked.text))
    (confirm,) = re.findall(r'action="([^"]+)"', asked.text)
    led = person.theirs.post(
        urljoin(asked.url, confirm), data=fields | {"logout": "yes"}, allow_redirects=False,
        timeout=30,
    )  # fmt: skip
    again = person.theirs.get(person.start(), allow_redirects=False, timeout=30)

    assert person.window.get("/model").status == 303
    assert led.headers["location"].startswith(f"{signed.site.url}/sign-in?state=")
    # The provider asks who it is anew.
    assert "/interaction/" in again.headers["location"]
