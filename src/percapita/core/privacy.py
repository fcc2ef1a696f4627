"""Pseudonyms: a keyed hash stands for a person's id everywhere behind the door."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from dataclasses import dataclass
from pathlib import Path

HASH_BYTES = 16
"""Of a pseudonym."""
_KEY_BYTES = 32
_HASH = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Key:
    """The secret of the pseudonyms, and the short public name it is stored under."""

    secret: bytes

    @property
    def id(self) -> str:
        """Eight hex digits that name this key and give nothing of it away."""
        return hashlib.blake2b(self.secret, digest_size=4, person=b"percapita key").hexdigest()

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


def open_key(path: Path) -> Key:
    """Read the key file, or make one that only its owner can read."""
    if path.exists():
        return Key(bytes.fromhex(path.read_text(encoding="ascii").strip()))
    secret = secrets.token_bytes(_KEY_BYTES)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
        file.write(secret.hex() + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)
    except FileExistsError:
        return open_key(path)
    finally:
        draft.unlink()
    return Key(secret)
