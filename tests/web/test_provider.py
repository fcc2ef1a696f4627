"""What the identity provider and the limits in percapita.yaml do to signing in and out."""

from __future__ import annotations

import html
import re
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from oidc_provider_mock import run_server_in_thread

from figures.folder import make_project
from figures.w1 import w1
from percapita.core.errors import PercapitaError
from percapita.project import Project
from web.serving import served
from web.test_sign_in import ACCOUNTS, through, token_of


def test_signing_out_ends_the_session_at_the_provider_too(tmp_path: Path) -> None:
    """Who came through the provider is led to its own sign-out, and from there back here."""
    folder = make_project(tmp_path / "out", w1())
    with ExitStack() as stack:
        server = stack.enter_context(run_server_in_thread(user_claims=list(ACCOUNTS.values())))
        provider = f"http://localhost:{server.server_port}"
        (folder / "client.secret").write_text("a secret\n")
        with (folder / "percapita.yaml").open("a") as file:
            file.write(
                f"sign in: {{issuer: '{provider}', client: percapita, name: Example ID,"
                " secret: {file: client.secret}, roles: {viewer: [staff]}}\n"
            )
        site = stack.enter_context(served(folder, demands=True))
        window, _ = through(site, "vic")
        csrf = re.findall(r'name="csrf" value="(\w+)"', window.get("/model").text)[0]
        out = window.post("/sign-out", {"csrf": csrf})
        (onward,) = re.findall(r'<a href="([^"]+)">Sign out at Example ID too', out.text)
        onward = html.unescape(onward)
        theirs = requests.get(onward, timeout=30)
        (back,) = re.findall(r'name="redirect_uri"\s+value="([^"]+)"', theirs.text)
        led = requests.post(
            f"{provider}/oauth2/end_session/confirm", data={"redirect_uri": html.unescape(back)},
            allow_redirects=False, timeout=30,
        ).headers["location"]  # fmt: skip
        shown = site.get(led.removeprefix(site.url)).status
        gone = window.get("/model").status

    assert out.status == 200
    assert f'content="0; url={html.escape(onward)}"' in out.text
    assert parse_qs(urlsplit(onward).query)["client_id"] == ["percapita"]
    assert led.startswith(f"{site.url}/sign-in?state=")
    assert (shown, gone) == (200, 303)


def test_limits_are_what_the_project_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Attempts, requests, bodies and the life of a session are set in percapita.yaml."""
    copy = make_project(tmp_path / "limited", w1())
    token = token_of(copy, "short", "viewer", capsys)
    with (copy / "percapita.yaml").open("a") as file:
        file.write("""
limits:
  {requests: 30, requests per second: 0.01, attempts: 4, attempts per second: 0.01,
   form kilobytes: 1, session hours: 2}
""")
    with served(copy, demands=True) as site:
        large = site.ask("POST", "/sign-in", {"token": "x" * 2000})
        reply = site.ask("POST", "/sign-in", {"token": token})
        statuses = [site.ask("POST", "/sign-in", {"token": "no"}).status for _ in range(4)]
        bearer = f"Bearer {token}"
        asked = [
            site.ask("GET", "/static/page.css", Authorization=bearer).status for _ in range(40)
        ]

    assert large.status == 413
    assert "1,024 bytes" in large.text
    assert "max-age=7200" in reply.headers["set-cookie"].lower()
    assert statuses[-1] == 429
    assert asked[:30] == [200] * 30
    assert set(asked[30:]) == {429}


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ("{requests: 0}", "'requests' must be a whole number from 1 to 1000000"),
        ("{attempts per second: 0}", "'attempts per second' must be a number above 0"),
        ("{session hours: 12h}", "'session hours' must be a whole number from 1 to 8760"),
        ("{sesion hours: 12}", "Did you mean session hours?"),
    ],
)
def test_limits_that_are_none_are_said(tmp_path: Path, said: str, wrong: str) -> None:
    """A limit of nothing, a word, a name that is none: the file is refused with the place."""
    (tmp_path / "percapita.yaml").write_text(f"limits: {said}\n")

    with pytest.raises(PercapitaError) as caught:
        Project.open(tmp_path)
    told = " ".join(f"{one} {one.hint}" for one in caught.value.problems)
    assert wrong in told
    assert "percapita.yaml:1" in told
