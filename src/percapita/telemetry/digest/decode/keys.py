"""Attributes: the few that somebody asks for, found among all of many signals."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from percapita.store.live.names import Names
from percapita.telemetry.digest.decode.wire import (
    LENGTH,
    Buffer,
    Fields,
    Flags,
    Ints,
    Words,
    fields,
    varints,
)
from percapita.telemetry.digest.decode.words import Lexicon, distinct

_KEY, _VALUE = 0x0A, 0x12
STRING, BOOL, INT, DOUBLE = 0x0A, 0x10, 0x18, 0x21
"""First byte of an ``AnyValue`` of that type; lists, maps and bytes are no text of ours."""

_FEWEST_BITS: Final = 10
_LONGEST: Final = 127
_MIX: Final = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F], np.uint64)
_PLAIN_MASK: Final = np.uint64(0x80FF)
"""Of a first word: the tag, and whether the key's length takes more than a byte."""
_HEAD_SHIFT: Final = np.uint64(64 - 12)
_ODD: Final = np.int16(0x7FFF)
# By the length of a key: which bytes of its first and of its last word are its own.
_HEAD_MASKS: Final = np.array([(1 << 8 * (min(n, 6) + 2)) - 1 for n in range(256)], np.uint64)
_TAIL_MASKS: Final = np.array([(1 << 8 * min(n, 8)) - 1 for n in range(256)], np.uint64)
_TAIL_AT: Final = np.array(
    [2 + max(n - 8, 0) if n <= _LONGEST else 0 for n in range(256)], np.int64
)
Codes: TypeAlias = npt.NDArray[np.int16]
_ALL: Final = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class Values:
    """Values of one attribute."""

    owner: Ints
    """Which signal has it."""
    kind: Ints
    """First byte of the value."""
    start: Ints
    """Where the value lies behind that byte."""

    def texts(self, buffer: Buffer, lexicon: Lexicon, into: Ints) -> None:
        """Write the codes of texts, whole numbers and truth values over what stands there."""
        strings = self.kind == STRING
        if strings.any():
            found, which = distinct(buffer, *self._strings(buffer, strings))
            codes = lexicon.codes(text.decode(errors="replace") for text in found)
            into[self.owner[strings]] = codes[which]
        for kind in (BOOL, INT):
            of = self.kind == kind
            if of.any():
                numbers, _ = varints(buffer.at, self.start[of])
                unique, which = np.unique(numbers, return_inverse=True)
                words = (str(n) if kind == INT else _TRUTH[bool(n)] for n in unique.tolist())
                into[self.owner[of]] = lexicon.codes(words)[which]

    def names(self, buffer: Buffer) -> Iterator[tuple[Names, Ints]]:
        """Yield texts where they lie, and whole numbers as texts, each with who has them."""
        strings = self.kind == STRING
        if strings.any():
            start, length = self._strings(buffer, strings)
            yield Names(buffer.raw, buffer.words, start, length), self.owner[strings]
        of = self.kind == INT
        if of.any():
            numbers, _ = varints(buffer.at, self.start[of])
            yield Names.of([str(number) for number in numbers.tolist()]), self.owner[of]

    def numbers(self, buffer: Buffer, into: Ints, known: Flags, factor: int) -> None:
        """Write the numbers, each times ``factor`` and whole, over what stands there."""
        of = self.kind == INT
        if of.any():
            value, _ = varints(buffer.at, self.start[of])
            self._keep(of, value.astype(np.float64) * factor, value * factor, into, known)
        of = self.kind == DOUBLE
        if of.any():
            value = buffer.words[self.start[of]].view(np.float64) * factor
            self._keep(of, value, _whole(value), into, known)
        of = self.kind == STRING
        if of.any():
            found, which = distinct(buffer, *self._strings(buffer, of))
            value = np.array([_number(text) for text in found])[which] * factor
            self._keep(of, value, _whole(value), into, known)

    def _keep(self, of: Flags, rough: object, value: Ints, into: Ints, known: Flags) -> None:
        """Take the values that are usage: no less than nothing, and not beyond all measure."""
        fine = (rough >= 0) & (rough < _LARGEST)  # type: ignore[operator]
        at = self.owner[of][fine]
        into[at], known[at] = value[fine], True

    def _strings(self, buffer: Buffer, of: Flags) -> tuple[Ints, Ints]:
        length, start = varints(buffer.at, self.start[of])
        return start, length


_TRUTH: Final = {True: "true", False: "false"}
_LARGEST: Final = 2.0**62
"""A quantity of one signal is less: sums of them must fit."""


def _whole(value: object) -> Ints:
    """Round half to even; what is no number or too large is dropped by who asks."""
    clean = np.nan_to_num(value, nan=0.0, posinf=0.0, neginf=0.0)  # type: ignore[call-overload]
    return np.rint(np.clip(clean, -1.0, _LARGEST)).astype(np.int64)  # type: ignore[no-any-return]


def _number(text: bytes) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


class Keys:
    """The names of attributes that are asked for; any other is passed over."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(name for name in names if len(name.encode()) <= _LONGEST)
        self._raw = [name.encode() for name in self.names]
        each = [_hash(raw) for raw in self._raw]
        # Names may agree in all that is hashed; they are told apart where they are found.
        hashes = sorted(set(each))
        self._group = [hashes.index(found) for found in each]
        # Twice the bits of a number of names: then few tries find a multiplier that parts them all.
        self._shift = 64 - max(_FEWEST_BITS, 2 * len(hashes).bit_length())
        luck = random.Random(len(hashes))  # noqa: S311
        self._multiplier = luck.getrandbits(64) | 1
        while len({self._slot(h) for h in hashes}) < len(hashes):
            self._multiplier = luck.getrandbits(64) | 1
        self._none = len(hashes)
        self._slots = np.full(1 << (64 - self._shift), self._none, np.int16)
        for code, found in enumerate(hashes):
            self._slots[self._slot(found)] = code
        self._hashes = np.array([*hashes, 0], np.uint64)
        self._heads = np.zeros(1 << 12, np.bool_)
        for raw in self._raw:
            self._heads[(_head(raw) * int(_MIX[0]) & _ALL) >> int(_HEAD_SHIFT)] = True

    def _slot(self, found: int) -> int:
        return (found * self._multiplier & _ALL) >> self._shift

    def find(self, buffer: Buffer, attributes: Fields) -> dict[str, Values]:
        """Return the values of those that are there."""
        asked, code = self._asked(buffer, attributes.start)
        owner = attributes.owner[asked]
        start = attributes.start[asked]
        key, value, end = _halves(buffer, start, start + attributes.length[asked])
        self._reread(buffer, code, key)
        code[end <= value] = self._none
        result: dict[str, Values] = {}
        for at, name in enumerate(self.names):
            of = np.flatnonzero(code == self._group[at])
            of = of[self._is(buffer, at, key[of])]
            if len(of):
                place = value[of]
                kind = buffer.at[place].astype(np.int64)
                result[name] = Values(owner[of], kind, place + 1)
        return result

    def _asked(self, buffer: Buffer, start: Ints) -> tuple[Ints, Codes]:
        """Return which attributes are asked for, and their names' codes.

        What is written oddly is among them, to be looked at again.
        """
        # The first word has the key's tag, its length and six of its bytes: few keys that nobody
        # asks for have the same as one that somebody does.
        head = buffer.words[start]
        mask = _HEAD_MASKS[(head >> np.uint64(8)).astype(np.uint8)]
        maybe = self._heads[((head & mask) * _MIX[0]) >> _HEAD_SHIFT]
        maybe |= head & _PLAIN_MASK != _KEY
        asked = np.flatnonzero(maybe)
        code = self._codes(buffer, start[asked], head[asked])
        known = code != self._none
        return asked[known], code[known]

    def _codes(self, buffer: Buffer, start: Ints, head: Words) -> Codes:
        """Return which of the names each attribute has."""
        size = (head >> np.uint64(8)).astype(np.uint8)
        tail = buffer.words[start + _TAIL_AT[size]] & _TAIL_MASKS[size]
        found: Words = (head & _HEAD_MASKS[size]) * _MIX[0] ^ tail * _MIX[1]
        code = self._slots[(found * np.uint64(self._multiplier)) >> np.uint64(self._shift)]
        code[self._hashes[code] != found] = self._none
        code[head & _PLAIN_MASK != _KEY] = _ODD
        return code  # type: ignore[no-any-return]

    def _reread(self, buffer: Buffer, code: Codes, key: Ints) -> None:
        """Name the few attributes whose key is not where it always is."""
        groups = dict(zip(self._raw, self._group, strict=True))
        for at in np.flatnonzero(code == _ODD).tolist():
            size = buffer.raw[key[at] - 1] if key[at] else 0
            code[at] = groups.get(buffer.text(int(key[at]), size), self._none)

    def _is(self, buffer: Buffer, code: int, key: Ints) -> Flags:
        """Tell which keys are that name in the middle too; first and last eight bytes are."""
        raw = self._raw[code]
        same = np.ones(len(key), np.bool_)
        for at in range(6, len(raw) - 8, 8):
            mask = np.uint64((1 << 8 * min(8, len(raw) - at)) - 1)
            word = np.uint64(int.from_bytes(raw[at : at + 8], "little"))
            same &= buffer.words[key + at] & mask == word
        return same


def _head(raw: bytes) -> int:
    return int.from_bytes(bytes([_KEY, len(raw)]) + raw[:6], "little")


def _hash(raw: bytes) -> int:
    head, tail = _head(raw), int.from_bytes(raw[-8:], "little")
    return (head * int(_MIX[0]) & _ALL) ^ (tail * int(_MIX[1]) & _ALL)


def _halves(buffer: Buffer, start: Ints, end: Ints) -> tuple[Ints, Ints, Ints]:
    """Return where each key and value lies, and where the value ends."""
    data = buffer.at
    key = start + 2
    after = np.minimum(key + data[start + 1], end)
    value = after + 2
    long = data[after + 1] > _LONGEST
    reach = value + data[after + 1]
    if long.any():
        sized, beyond = varints(data, after[long] + 1)
        value[long], reach[long] = beyond, beyond + sized
    plain = (data[start] == _KEY) & (data[start + 1] <= _LONGEST) & (data[after] == _VALUE)
    plain &= reach == end
    if not plain.all():
        _unusual(buffer, np.flatnonzero(~plain), start, end, key, value)
    return key, value, end


def _unusual(buffer: Buffer, odd: Ints, start: Ints, end: Ints, key: Ints, value: Ints) -> None:
    """Look at attributes that are not written as every library writes them."""
    parts = fields(buffer, start[odd], end[odd])
    key[odd], value[odd] = 0, end[odd]
    for number, place in ((1, key), (2, value)):
        found = parts.of(number, LENGTH)
        short = found.only(found.length <= _LONGEST) if number == 1 else found
        place[odd[short.owner]] = short.start
        if number == 2:  # noqa: PLR2004 the field of the value
            end[odd[found.owner]] = found.start + found.length
