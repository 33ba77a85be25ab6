"""Cache tokens in another language, written from lib/token/FORMAT.md alone."""

import base64
import hashlib
import re
import struct
from dataclasses import dataclass
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.ciphers.aead import AESSIV

_UNRESERVED = set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_BAD = set(b'"<>\\^`{|}%')


@dataclass
class Token:
    due: int
    modified: int
    key: bytes
    business: bytes = b""
    host: bytes = b""
    type: bytes = b""
    size: int | None = None
    digest: bytes | None = None


def normalise(text: bytes) -> bytes:
    out = b""
    at = 0
    while at < len(text):
        byte = text[at]
        encoded = re.match(rb"%([0-9a-fA-F]{2})", text[at:])
        if encoded:
            byte = int(encoded[1], 16)
            out += bytes([byte]) if byte in _UNRESERVED else b"%%%02X" % byte
            at += 3
            continue
        raw = 0x21 <= byte <= 0x7e and byte not in _BAD
        out += bytes([byte]) if raw else b"%%%02X" % byte
        at += 1
    return out


def cache_key(url: str, business: str, any_host: bool = False, parameter: str = "pkt") -> bytes:
    parts = urlsplit(url)
    query = parts.query
    pieces = query.split("&")
    for index, piece in enumerate(pieces):
        if piece.split("=")[0] == parameter:
            del pieces[index]
            query = "&".join(pieces)
            break
    host = "" if any_host else (parts.hostname or "").rstrip(".")
    if ":" in host:
        host = f"[{host}]"
    text = normalise((parts.path or "/").encode())
    if query:
        text += b"?" + normalise(query.encode())
    return hashlib.sha256(b"\0".join([b"pakhus-key-1", business.encode(), host.encode(), text])).digest()


def _text(value: bytes) -> bytes:
    return bytes([len(value)]) + value


def seal(kid: str, secret: bytes, token: Token, hex: bool = False) -> str:
    flags = (1 if token.host else 0) | (2 if token.size is not None else 0) | (4 if token.digest else 0)
    plain = struct.pack("<BBqq", 1, flags, token.due, token.modified) + token.key
    if token.size is not None:
        plain += struct.pack("<Q", token.size)
    if token.digest:
        plain += token.digest
    plain += _text(token.business)
    if token.host:
        plain += _text(token.host)
    plain += _text(token.type)
    sealed = AESSIV(secret).encrypt(plain, [kid.encode()])
    if hex:
        return f"{kid}.hex.{sealed.hex()}"
    return f"{kid}.{base64.urlsafe_b64encode(sealed).decode().rstrip('=')}"


def unseal(text: str, secret: bytes) -> Token:
    kid, *_, body = text.split(".")
    sealed = bytes.fromhex(body) if ".hex." in text else base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))
    plain = AESSIV(secret).decrypt(sealed, [kid.encode()])
    version, flags, due, modified = struct.unpack_from("<BBqq", plain)
    assert version == 1 and flags < 8
    token = Token(due, modified, plain[18:50])
    at = 50
    if flags & 2:
        [token.size] = struct.unpack_from("<Q", plain, at)
        at += 8
    if flags & 4:
        token.digest = plain[at:at + 32]
        at += 32
    texts = []
    for _ in range(3 if flags & 1 else 2):
        texts.append(plain[at + 1:at + 1 + plain[at]])
        at += 1 + plain[at]
    assert at == len(plain)
    token.business, token.type = texts[0], texts[-1]
    token.host = texts[1] if flags & 1 else b""
    return token
