"""Pseudonyms: a keyed hash stands for a person's id everywhere behind the door."""

from __future__ import annotations

import hashlib
import ipaddress
import os
import re
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

HASH_BYTES = 16
"""Of a pseudonym."""
_KEY_BYTES = 32
_HASH = re.compile(r"[0-9a-f]{32}")
_MAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_WORD = re.compile(r"[0-9A-Fa-f.:]{6,}")
_OLD, _MARKS = "old", "marks"
"""Words before the further secrets of a key file; the first line is the key itself."""


@dataclass(frozen=True, slots=True)
class Key:
    """The secret of the pseudonyms, and the short public name it is stored under."""

    secret: bytes
    old: tuple[bytes, ...] = ()
    """Secrets that stand for the same people still, newest first."""
    marking: bytes = b""
    """What marks are made with; of the secret unless said."""
    path: Path | None = field(default=None, compare=False)
    stamp: tuple[int, ...] = field(default=(), compare=False)
    """How the file was when it was read."""

    @property
    def id(self) -> str:
        """Eight hex digits that name this key and give nothing of it away."""
        return hashlib.blake2b(self.secret, digest_size=4, person=b"percapita key").hexdigest()

    @property
    def former(self) -> tuple[Key, ...]:
        """The keys that stand for the same people still, newest first."""
        return tuple(Key(secret) for secret in self.old)

    @property
    def secrets(self) -> tuple[bytes, ...]:
        """All secrets, this key's first."""
        return (self.secret, *self.old)

    @property
    def marks(self) -> bytes:
        """The secret that signals are known again by. It outlives the key: none counts twice."""
        made = hashlib.blake2b(self.secret, digest_size=_KEY_BYTES, person=b"percapita marks")
        return self.marking or made.digest()

    @property
    def changed(self) -> bool:
        """Tell whether the file is another by now."""
        return self.path is not None and _stamp(self.path) not in (self.stamp, ())

    def latest(self) -> Key:
        """Return the key as its file says it now; this one where the file can't be read."""
        if self.path is None or not self.changed:
            return self
        try:
            return _read(self.path)
        except (OSError, ValueError):
            return replace(self, stamp=_stamp(self.path))

    def rotated(self) -> Key:
        """Return a new key that knows this one as its former."""
        return replace(
            self, secret=secrets.token_bytes(_KEY_BYTES), old=self.secrets, marking=self.marks
        )

    def pseudonym(self, kind: str, name: str) -> str:
        """Return the 128-bit keyed hash of a subject's id, in hex."""
        message = f"{kind}\x1f{name}".encode()
        return hashlib.blake2b(message, digest_size=HASH_BYTES, key=self.secret).hexdigest()


def masked(key: Key, kind: str, name: str) -> str:
    """Return what stands for a subject's id in a text: its kind and pseudonym, ``user:5f…``."""
    return f"{kind}:{key.pseudonym(kind, name)}"


def digest(key: Key, kind: str, name: str) -> str:
    """Return the pseudonym of an id, or the one that already stands for it."""
    if name.startswith(f"{kind}:") and _HASH.fullmatch(given := name[len(kind) + 1 :]):
        return given
    return key.pseudonym(kind, name)


def gives_away(text: str) -> str:
    """Return the first e-mail or IP address in a text; empty where there is none."""
    if found := _MAIL.search(text):
        return found[0]
    for word in _WORD.findall(text):
        try:
            ipaddress.ip_address(word.strip("."))
        except ValueError:
            continue
        return str(word)
    return ""


def digests(key: Key, kind: str, names: Sequence[str]) -> list[str]:
    """Return the same for many ids at a time, at half the price."""
    state = hashlib.blake2b(f"{kind}\x1f".encode(), digest_size=HASH_BYTES, key=key.secret)
    found = []
    for name in names:
        one = state.copy()
        one.update(name.encode())
        found.append(one.hexdigest())
    if (lead := f"{kind}:") in "\n".join(names):
        for at, name in enumerate(names):
            if name.startswith(lead):
                found[at] = digest(key, kind, name)
    return found


def open_key(path: Path) -> Key:
    """Read the key file, or make one that only its owner can read."""
    if path.exists():
        return _read(path)
    with _draft(path, Key(secrets.token_bytes(_KEY_BYTES))) as draft:
        try:
            os.link(draft, path)
        except FileExistsError:
            return open_key(path)
    return _read(path)


def write_key(path: Path, key: Key) -> Key:
    """Put a key in the place of the file's, wholly or not at all; return it as read."""
    with _draft(path, key) as draft:
        draft.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    return _read(path)


def _read(path: Path) -> Key:
    stamp = _stamp(path)
    first, *more = path.read_text(encoding="ascii").strip().split("\n")
    found: dict[str, list[bytes]] = {_OLD: [], _MARKS: []}
    for line in filter(None, map(str.strip, more)):
        word, _, digits = line.partition(" ")
        if word not in found:
            raise ValueError(f"no line begins with {word[:8]!r}")
        found[word].append(bytes.fromhex(digits))
    marking = found[_MARKS][-1] if found[_MARKS] else b""
    return Key(bytes.fromhex(first.strip()), tuple(found[_OLD]), marking, path, stamp)


def _stamp(path: Path) -> tuple[int, ...]:
    try:
        found = path.stat()
    except OSError:
        return ()
    return found.st_mtime_ns, found.st_size, found.st_ino


@contextmanager
def _draft(path: Path, key: Key) -> Iterator[Path]:
    lines = [key.secret.hex(), *(f"{_OLD} {secret.hex()}" for secret in key.old)]
    if key.marking:
        lines.append(f"{_MARKS} {key.marking.hex()}")
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "w") as file:
        file.write("\n".join(lines) + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        yield draft
    finally:
        draft.unlink(missing_ok=True)
