"""Damages valid files in ways that disks, downloads, spreadsheets and attackers do; the same seed gives the same damage."""

from __future__ import annotations

from random import Random

NOISE = [
    *(bytes([byte]) for byte in b"\0\r\n\t\"',;:{}[]=\\/0-e\x80\xc3\xff"),
    b"\r\n", b'""', b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", "é".encode(), "🤦🏽‍♀️".encode(),
    b"\xe2\x80\xa8", b"\\ud83d", b"\\u0000",
    b"1.23E+18", b"1E999", b"-1", b"9" * 30, b"1" * 5_000, b"null", b"true", b"NaN", b"[" * 3_000, b'{"a":' * 3_000, b"a" * 200_000,
    b"2021-13-45", b"13/13/2021", b"PK\x03\x04", b"PK\x05\x06", b"PK\x01\x02", b"../", b"window.YTD.tweets.part0 = ", b"sep=;\n",
]  # fmt: skip


def mutated(content: bytes, random: Random) -> bytes:
    """One to four damages: bytes lost, changed, put in, repeated, exchanged, or the end missing."""
    for _ in range(random.randint(1, 4)):
        content = random.choice(_DAMAGES)(content, random)
    return content


def _spot(content: bytes, random: Random) -> tuple[int, int]:
    begin = random.randint(0, len(content))
    return begin, min(len(content), begin + int(random.expovariate(1 / 12)))


def _lost(content: bytes, random: Random) -> bytes:
    begin, end = _spot(content, random)
    return content[:begin] + content[end:]


def _changed(content: bytes, random: Random) -> bytes:
    begin, end = _spot(content, random)
    return content[:begin] + random.randbytes(end - begin) + content[end:]


def _put_in(content: bytes, random: Random) -> bytes:
    begin, end = _spot(content, random)
    return content[:begin] + random.choice(NOISE) + content[random.choice((begin, end)) :]


def _repeated(content: bytes, random: Random) -> bytes:
    begin, end = _spot(content, random)
    return content[:end] + content[begin:end] * random.choice((1, 2, 50)) + content[end:]


def _exchanged(content: bytes, random: Random) -> bytes:
    a, b, c, d = sorted([*_spot(content, random), *_spot(content, random)])
    return content[:a] + content[c:d] + content[b:c] + content[a:b] + content[d:]


def _cut_off(content: bytes, random: Random) -> bytes:
    return content[: random.randint(0, len(content))]


_DAMAGES = (_lost, _changed, _put_in, _put_in, _repeated, _exchanged, _cut_off)
