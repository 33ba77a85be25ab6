"""URLs with info of their own, made without the code under test (S12).

The MAC is HMAC-SHA256 in base64url over app, version, channel, info, file name and expiry, each with its length before it.
"""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from urllib.parse import quote, urlencode

KEY_ID, SECRET = "k1", bytes(range(32))
KEYS = f"{KEY_ID}:{base64.b64encode(SECRET).decode()}"


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def info_of(members: Mapping[str, object]) -> str:
    return base64url(json.dumps(members, separators=(",", ":")).encode())


def time_in(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))


def path(app: str = "APP", version: str = "1.0", channel: str = "huawei", **arguments: str) -> str:
    """path(info=..., exp=..., sig=..., filename=...); nothing is checked."""
    return f"/packages/{app}/{version}/{channel}.apk" + (f"?{urlencode(arguments, quote_via=quote)}" if arguments else "")


def signed(app: str = "APP", version: str = "1.0", channel: str = "huawei", info: Mapping[str, object] | None = None,
           filename: str | None = None, seconds: float = 3600, key_id: str = KEY_ID, secret: bytes = SECRET) -> str:
    arguments = {"exp": time_in(seconds)}
    text = json.dumps(info, separators=(",", ":")) if info is not None else ""
    parts = [app, version, channel, text, filename or "", arguments["exp"]]
    message = b"pakhus url 1" + b"".join(b"\n%d:%s" % (len(part.encode()), part.encode()) for part in parts)
    arguments["sig"] = f"{key_id}.{base64url(hmac.digest(secret, message, hashlib.sha256))}"
    if info is not None:
        arguments["info"] = base64url(text.encode())
    if filename is not None:
        arguments["filename"] = filename
    return path(app, version, channel, **arguments)
