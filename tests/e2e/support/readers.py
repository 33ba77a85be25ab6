"""The channel that apps would read from an APK: by others' readers, and by rules written down anew here."""

import json
import struct
from pathlib import Path

from apk_info import APK, Signature

from support.apksigner import apk_tool
from support.signing_block import PACKER_NG, VASDOLLY, WALLE, read_block, read_zip

_PACKER_MAGIC = b"Packer Ng Sig V2"


def channels(apk: Path) -> dict[str, object]:
    """Only what is there: {"walle": {"channel": ...}, "vasdolly": "...", "packer-ng": "...", "vasdolly-v1": ..., "packer-ng-v1": ...}"""
    return {**_from_block(apk), **_from_comment(apk)}


def _from_block(apk: Path) -> dict[str, object]:
    block = read_block(apk)
    values = block.values() if block else {}
    found: dict[str, object] = {}
    if WALLE in values:
        found["walle"] = json.loads(values[WALLE].decode())
    if VASDOLLY in values:
        found["vasdolly"] = values[VASDOLLY].decode().strip()
    if PACKER_NG in values:
        found["packer-ng"] = packer_ng_channel(values[PACKER_NG])
    return found


def packer_ng_channel(value: bytes) -> str:
    """magic | u32 length | "CHANNEL" U+2218 channel U+2219 | u32 length"""
    length = struct.unpack_from("<I", value, 16)[0]
    text = value[20 : 20 + length]
    if value[:16] != _PACKER_MAGIC or struct.unpack_from("<I", value, 20 + length)[0] != length:
        raise ValueError("not a packer-ng value")
    entries = dict(entry.split("\u2218", 1) for entry in text.decode().split("\u2219") if entry)
    return entries["CHANNEL"]


def _from_comment(apk: Path) -> dict[str, object]:
    comment = read_zip(apk).comment
    for name, magic in (("vasdolly-v1", b"ltlovezh"), ("packer-ng-v1", b"!ZXK!")):
        if comment.endswith(magic):
            end = len(comment) - len(magic) - 2
            length = struct.unpack_from("<H", comment, end)[0]
            return {name: comment[end - length : end].decode()}
    return {}


def by_apk_info(apk: Path) -> dict[str, str]:
    """What the apk-info library sees: {"walle": "<JSON text>", "vasdolly": "...", "packer-ng": "..."}"""
    found: dict[str, str] = {}
    for signature in APK(str(apk)).get_signatures():
        if isinstance(signature, Signature.ApkChannelBlock):
            found["walle"] = signature.value
        elif isinstance(signature, Signature.VasDollyV2):
            found["vasdolly"] = signature.value
        elif isinstance(signature, Signature.PackerNextGenV2):
            found["packer-ng"] = packer_ng_channel(_whole_packer_value(bytes(signature.value)))
    return found


def _whole_packer_value(value: bytes) -> bytes:
    return value if value.startswith(_PACKER_MAGIC) else _PACKER_MAGIC + value


def by_packer_ng(apk: Path) -> str:
    """What packer-ng's own Java reader sees; "null" where there is nothing."""
    return apk_tool("packer-ng", apk)
