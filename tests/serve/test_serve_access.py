"""Who may send and read: this machine, elsewhere who has a token; no page in a browser."""

from __future__ import annotations

import http.client
import json
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from percapita.cli import main
from percapita.project import Project
from percapita.telemetry.receive.access import Access, is_loopback, name_of
from percapita.telemetry.receive.refusals import WrongHostError
from serve.running import PROTOBUF, Server, serving, spans, until

TRACES = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


def token(folder: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Run ``percapita token``; return what it printed."""
    capsys.readouterr()
    assert main.run(["token", *arguments, "--project", str(folder)]) == 0
    return capsys.readouterr().out


def test_other_machines_need_a_token(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Off loopback nothing is taken without a token in force, over HTTP and gRPC."""
    with serving(tmp_path, host="0.0.0.0") as server:  # noqa: S104 the point of the test
        body, ids = spans(3)
        assert server.ports["closed"] is True
        refused = server.send(body)
        sender = json.loads(token(tmp_path, capsys, "create", "shop", "--format", "json"))["token"]
        bearer = f"Bearer {sender}"
        until(lambda: server.send(body, authorization=bearer).status == 200)
        grpc_codes = [_rpc(server, body, bearer), _rpc(server, body, "Bearer pct_x")]
        pages = [
            server.ask(path, headers={"authorization": bearer}, port="port").status
            for path in ("/healthz", "/metrics")
        ]
        assert token(tmp_path, capsys, "revoke", "shop") == "Token shop is revoked.\n"
        until(lambda: server.send(body, authorization=bearer).status == 401)

        assert refused.status == 401
        assert server.send(body, authorization=sender).status == 401
        assert grpc_codes == [grpc.StatusCode.OK, grpc.StatusCode.UNAUTHENTICATED]
        assert pages == [200, 403]
        until(lambda: set(ids) <= set(server.counted()))


def _rpc(server: Server, body: bytes, bearer: str) -> grpc.StatusCode:
    with grpc.insecure_channel(f"127.0.0.1:{server.ports['otlp_grpc_port']}") as channel:
        call = channel.unary_unary(TRACES, None, None).future(
            body, metadata=(("authorization", bearer),)
        )
        code: grpc.StatusCode = call.code()
        return code


def test_tokens_are_kept_as_hashes_and_audited(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A token is shown once; listing, catalog and audit log have its name alone."""
    (tmp_path / "percapita.yaml").write_text("version: 1\n")
    made = token(tmp_path, capsys, "create", "shop").strip()
    admin = token(tmp_path, capsys, "create", "boss", "--role", "admin").strip()
    token(tmp_path, capsys, "revoke", "shop")
    listed = json.loads(token(tmp_path, capsys, "list", "--format", "json"))
    shown = token(tmp_path, capsys, "list")
    stored = b"".join(p.read_bytes() for p in (tmp_path / ".percapita").rglob("*") if p.is_file())
    with Project.open(tmp_path).store() as store:
        audited = [(entry.what, entry.ref) for entry in store.audit()]
        roles = [store.tokens.role(held) for held in (made, admin)]

    assert made.startswith("pct_")
    assert len(made) > 40
    assert [(t["name"], t["role"], t["revoked_at"] is None) for t in listed] == [
        ("shop", "sender", False), ("boss", "admin", True)
    ]  # fmt: skip
    assert "in force" in shown
    assert made.encode() not in stored
    assert roles == ["", "admin"]
    assert audited == [("token create", "shop"), ("token create", "boss"), ("token revoke", "shop")]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["create", "shop"], "There is a token 'shop' already"),
        (["revoke", "shap"], "Did you mean shop?"),
        (["create", "a b"], "is no name"),
    ],
)
def test_wrong_names_are_said(
    arguments: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A name that is taken, unknown or none is answered with what to do."""
    (tmp_path / "percapita.yaml").write_text("version: 1\n")
    token(tmp_path, capsys, "create", "shop")

    assert main.run(["token", *arguments, "--project", str(tmp_path)]) == 2
    assert said in capsys.readouterr().err


def test_a_name_that_leads_elsewhere_is_refused(server: Server) -> None:
    """On loopback a Host that is not this machine's gets 421, on every port; no page is shared."""
    body, _ = spans(1)
    wrong = server.send(body, host="evil.example:4318")
    page = server.ask("/readyz", headers={"host": "evil.example"}, port="port")
    fine = server.ask(
        "/readyz", headers={"host": "localhost", "origin": "http://evil.example"}, port="port"
    )
    preflight = server.ask("/v1/traces", headers=PROTOBUF, method="OPTIONS")

    assert (wrong.status, page.status) == (421, 421)
    assert fine.status in {200, 503}
    assert [
        n for n in {**fine.headers, **preflight.headers} if n.startswith("access-control")
    ] == []
    assert fine.headers["x-content-type-options"] == "nosniff"
    assert preflight.status == 405


@pytest.mark.parametrize(
    ("host", "name"),
    [("127.0.0.1:4318", "127.0.0.1"), ("[::1]:80", "::1"), ("LocalHost.", "localhost"), ("", "")],
)
def test_names_in_host_are_read(host: str, name: str) -> None:
    """Port, brackets, case and the dot at the end say nothing about who is meant."""
    assert name_of(host) == name


def test_loopback_is_told_from_other_addresses() -> None:
    """Only addresses that nobody else can reach are open; a name may be allowed besides."""
    access = Access("127.0.0.1", lambda _token: False, ["box.internal"])
    access.check_host("box.internal:8000")

    assert [is_loopback(h) for h in ("127.0.0.9", "::1", "localhost")] == [True] * 3
    assert [is_loopback(h) for h in ("0.0.0.0", "::", "10.0.0.1", "shop")] == [False] * 4  # noqa: S104
    with pytest.raises(WrongHostError):
        access.check_host("127.0.0.1.evil.example")


def certified(folder: Path) -> tuple[Path, Path]:
    """Make a certificate for localhost, and its key."""
    secret = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, secret.public_key(), 1, now, now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(secret, hashes.SHA256())
    )
    certificate, key = folder / "cert.pem", folder / "key.pem"
    certificate.write_bytes(made.public_bytes(Encoding.PEM))
    plain = NoEncryption()
    key.write_bytes(secret.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, plain))
    return certificate, key


def test_all_ports_speak_tls(tmp_path: Path) -> None:
    """With a certificate, HTTP and gRPC exporters that trust it are taken; nothing is in clear."""
    certificate, key = certified(tmp_path)
    with serving(tmp_path, tls=[str(certificate), str(key)]) as server:
        trusted = ssl.create_default_context(cafile=str(certificate))
        body, ids = spans(4)
        connection = http.client.HTTPSConnection(
            "localhost", server.ports["otlp_http_port"], timeout=30, context=trusted
        )
        connection.request("POST", "/v1/traces", body, dict(PROTOBUF))
        status = connection.getresponse().status
        connection.close()
        credentials = grpc.ssl_channel_credentials(certificate.read_bytes())
        address = f"localhost:{server.ports['otlp_grpc_port']}"
        with grpc.secure_channel(address, credentials) as channel:
            answer = channel.unary_unary(TRACES, None, None)(body, timeout=30)
        with pytest.raises(ConnectionError):
            server.send(body)
        server.stop()

    assert (status, answer) == (200, b"")
    assert set(ids) <= set(server.counted())


def test_a_certificate_that_is_none_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file that is not there, or no certificate, is named before a port is opened."""
    (tmp_path / "percapita.yaml").write_text("version: 1\n")
    certificate, key = certified(tmp_path)
    for one, other in ((tmp_path / "gone.pem", key), (key, certificate)):
        tls = ["--tls", str(one), str(other)]
        assert main.run(["serve", "--project", str(tmp_path), *tls]) == 2
        assert f"{one} and {other} are no certificate and key" in capsys.readouterr().err
