"""Bills in object stores of the S3 kind: copied into the store's folder, then read as files.

Only what is new or changed is fetched: beside each copy stands the version (ETag and size) that it
is of. A download that was cut off goes on where it stopped, as long as the object is the same, and
a copy takes its place whole or not at all.
"""

from __future__ import annotations

import glob
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from percapita.bills.files import manifests
from percapita.bills.files.found import NotFoundError, wanted
from percapita.core.errors import InputError
from percapita.core.sources import REMOTE, Source, is_remote

if TYPE_CHECKING:
    from pyarrow.fs import S3FileSystem

_CHUNK: Final = 8 << 20
"""Bytes that are held at once."""
_ATTEMPTS: Final = 3
"""Downloads of an object that changes meanwhile."""
_COPY: Final = re.compile(r"(?:.*/)?objects/[0-9a-f]{12}/(.+)")
_WILD: Final = re.compile(r"[*?\[]")
_ENDPOINTS: Final = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
_REGIONS: Final = ("AWS_REGION", "AWS_DEFAULT_REGION")
_HINTS: Final = {
    "NETWORK_CONNECTION": "Check the endpoint: `endpoint:` of the source, or AWS_ENDPOINT_URL.",
    "NO_SUCH_BUCKET": "Check the bucket's name, and the endpoint.",
    **dict.fromkeys(
        ("ACCESS_DENIED", "INVALID_ACCESS_KEY_ID", "SIGNATURE", "TOKEN"),
        "Check the credentials (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY) and what they may read.",
    ),
}


class ObjectStoreError(InputError):
    """An object store that does not give what it is asked for."""

    def __init__(self, what: str, error: OSError) -> None:
        why = str(error).splitlines()[0]
        hint = next((hint for code, hint in _HINTS.items() if code in why), "")
        super().__init__(f"{REMOTE}{what} can't be read: {why}", hint=hint)


class ChangingError(InputError):
    """An object that is written anew again and again."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"{REMOTE}{what} changes while it is read.", hint="Import it when it is complete."
        )


class UnsafeKeyError(InputError):
    """A key that is no name of a file."""

    def __init__(self, key: str) -> None:
        super().__init__(
            f"{REMOTE}{key} can't be a file's name.", hint="Name the objects by a pattern."
        )


def brought(source: Source, folder: Path, progress: Callable[[str], None]) -> Source:
    """Return the source with the path of local copies; one that is local stays as it is.

    Args:
        source: whose ``path`` may be an object, a folder or a glob, ``s3://bucket/…``.
        folder: where copies are kept from one import to the next.
        progress: is told each object that is fetched.

    Raises:
        InputError: the store can't be reached, there is nothing, or a manifest can't be followed.
    """
    if not is_remote(source.path):
        return source
    bucket = _Bucket(source, folder, progress)
    return replace(source, path=bucket.brought())


def known_as(path: str) -> str:
    """Return the address of the object that a path is the copy of; other paths as they are."""
    copy = _COPY.fullmatch(path)
    return f"{REMOTE}{copy[1]}" if copy else path


class _Bucket:
    """One source's objects and their copies."""

    def __init__(self, source: Source, folder: Path, progress: Callable[[str], None]) -> None:
        self._source = source
        self._path = source.path.removeprefix(REMOTE).strip("/")
        # Copies of one source are its own: what is no longer there can go.
        mark = hashlib.sha256(f"{source.endpoint}\n{self._path}".encode()).hexdigest()[:12]
        self._folder = folder / mark
        self._progress = progress
        self._fs = _connected(source)

    def brought(self) -> str:
        """Fetch what is new; return the path of all copies."""
        if _WILD.search(self._path):
            pattern = _pattern(self._path)
            self._all(key for key in self._listed(_base(self._path)) if pattern.fullmatch(key))
            return str(Path(glob.escape(str(self._folder)), "**"))
        if self._is_object():
            self._all([self._path])
        else:
            self._whole_folder()
        return str(self._folder / self._path)

    def _whole_folder(self) -> None:
        keys = [key for key in self._listed(self._path) if wanted(self._inner(key))]
        told = [key for key in keys if manifests.NAME.fullmatch(key.rpartition("/")[2])]
        said = [manifest for key in told if (manifest := self._manifest(key))]
        tables = [PurePosixPath(key) for key in keys if key not in told]
        self._all([*told, *map(str, manifests.chosen(tables, said).files)])

    def _all(self, keys: Iterable[str]) -> None:
        wanted_keys = sorted(keys)
        if not wanted_keys:
            raise NotFoundError(self._source.path)
        self._keep_only(wanted_keys)
        for key in wanted_keys:
            self._fetched(key)

    def _manifest(self, key: str) -> manifests.Manifest | None:
        try:
            text = self._fetched(key).read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise manifests.BrokenManifestError(key) from error
        return manifests.read(PurePosixPath(key), text)

    def _is_object(self) -> bool:
        from pyarrow.fs import FileType  # noqa: PLC0415

        with _told(self._path):
            return bool(self._fs.get_file_info(self._path).type == FileType.File)

    def _listed(self, base: str) -> list[str]:
        from pyarrow.fs import FileSelector, FileType  # noqa: PLC0415

        with _told(base):
            found = self._fs.get_file_info(
                FileSelector(base, recursive=True, allow_not_found="/" in base)
            )
        return [item.path for item in found if item.type == FileType.File]

    def _inner(self, key: str) -> PurePosixPath:
        return PurePosixPath(key).relative_to(self._path)

    def _copy(self, key: str) -> Path:
        parts = key.split("/")
        if any(part in ("", ".", "..") or "\0" in part for part in parts):
            raise UnsafeKeyError(key)
        return self._folder.joinpath(*parts)

    def _keep_only(self, keys: Iterable[str]) -> None:
        """Remove copies of objects that are gone, or no longer count."""
        kept = {name for key in keys for name in _Copy(self._copy(key)).names}
        for path in list(self._folder.rglob("*")):
            if path.is_file() and path not in kept:
                path.unlink()

    def _fetched(self, key: str) -> Path:
        """Return the copy of an object as it is now."""
        copy = _Copy(self._copy(key))
        with _told(key):
            for _ in range(_ATTEMPTS):
                with self._fs.open_input_file(key) as stream:
                    version = _version(stream)
                    if copy.is_of(version):
                        return copy.path
                    self._progress(f"fetching {REMOTE}{key}")
                    copy.fill(stream, version)
                with self._fs.open_input_file(key) as stream:
                    if _version(stream) == version:
                        copy.settle(version)
                        return copy.path
        raise ChangingError(key)


@dataclass(frozen=True, slots=True)
class _Copy:
    """A copy of an object, the version it is of, and the same of a download under way."""

    path: Path

    @property
    def names(self) -> tuple[Path, ...]:
        """All files that belong to it."""
        return (self.path, self._mark, self._part, self._part_mark)

    @property
    def _mark(self) -> Path:
        return self.path.with_name(f".{self.path.name}.version")

    @property
    def _part(self) -> Path:
        return self.path.with_name(f".{self.path.name}.part")

    @property
    def _part_mark(self) -> Path:
        return self.path.with_name(f".{self.path.name}.part.version")

    def is_of(self, version: dict[str, Any]) -> bool:
        """Tell whether the copy is whole and of this version."""
        there = self.path.is_file() and self.path.stat().st_size == version["size"]
        return there and _read(self._mark) == version

    def fill(self, stream: Any, version: dict[str, Any]) -> None:  # noqa: ANN401 pyarrow's file
        """Download into the part, or what the part does not have of the same version."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if _read(self._part_mark) != version or not self._part.is_file():
            self._part.write_bytes(b"")
            self._part_mark.write_text(json.dumps(version), encoding="utf-8")
        done = min(self._part.stat().st_size, version["size"])
        stream.seek(done)
        # Writing in place, two processes at once write the same.
        with self._part.open("r+b") as part:
            part.seek(done)
            while done < version["size"]:
                chunk = stream.read(min(_CHUNK, version["size"] - done))
                if not chunk:
                    raise OSError(f"it ended after {done} of {version['size']} bytes")
                part.write(chunk)
                done += len(chunk)
            part.truncate(done)
            part.flush()
            os.fsync(part.fileno())

    def settle(self, version: dict[str, Any]) -> None:
        """Put the finished part in the copy's place."""
        self._mark.unlink(missing_ok=True)
        self._part.replace(self.path)
        self._part_mark.unlink(missing_ok=True)
        self._mark.write_text(json.dumps(version), encoding="utf-8")


def _read(mark: Path) -> object:
    try:
        return json.loads(mark.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _version(stream: Any) -> dict[str, Any]:  # noqa: ANN401 pyarrow's file
    said = stream.metadata() or {}
    etag = said.get(b"ETag") or said.get("ETag") or said.get(b"Last-Modified") or b""
    return {"etag": etag.decode() if isinstance(etag, bytes) else etag, "size": stream.size()}


@contextmanager
def _told(what: str) -> Iterator[None]:
    """Turn trouble of the object store into a message."""
    try:
        yield
    except OSError as error:
        raise ObjectStoreError(what, error) from error


def _connected(source: Source) -> S3FileSystem:
    from pyarrow.fs import AwsStandardS3RetryStrategy, S3FileSystem  # noqa: PLC0415

    said = source.endpoint or next(filter(None, map(os.environ.get, _ENDPOINTS)), "")
    options: dict[str, Any] = {}
    if said:
        url = urlsplit(said if "//" in said else f"https://{said}")
        options = {"endpoint_override": url.netloc, "scheme": url.scheme, "region": "us-east-1"}
    if region := next(filter(None, map(os.environ.get, _REGIONS)), ""):
        options["region"] = region
    return S3FileSystem(
        **options, connect_timeout=10, request_timeout=60,
        retry_strategy=AwsStandardS3RetryStrategy(max_attempts=4),
    )  # fmt: skip


def _base(path: str) -> str:
    """Return the folder above a path's first wildcard."""
    before = path[: _wild_at(path)]
    return before.rpartition("/")[0] or before


def _wild_at(path: str) -> int:
    found = _WILD.search(path)
    return found.start() if found else len(path)


def _pattern(path: str) -> re.Pattern[str]:
    """Return a glob as a pattern of whole keys: ``*`` stays in a folder, ``**/`` is any depth."""
    return re.compile("".join(_translated(path)))


def _translated(path: str) -> Iterator[str]:
    for token in re.findall(r"\*\*/|\*\*|\*|\?|\[[^]]+\]|.", path):
        match token:
            case "**/":
                yield "(?:.*/)?"
            case "**":
                yield ".*"
            case "*":
                yield "[^/]*"
            case "?":
                yield "[^/]"
            case _ if len(token) > 1:
                yield "[" + token[1:-1].replace("\\", r"\\").replace("!", "^", 1) + "]"
            case _:
                yield re.escape(token)
