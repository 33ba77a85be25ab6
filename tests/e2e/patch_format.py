"""Patches in another language, written from lib/patch/FORMAT.md alone."""

import hashlib
import io
import json
import struct
import zlib
from dataclasses import dataclass

import zstandard

MAGIC = bytes.fromhex("89504b440d0a1a0a")
WALLE, VASDOLLY, PACKER_NG, FILLER = 0x71777777, 0x881155FF, 0x7A786B21, 0x706B6872
MOST = 268435456
_SIDE = struct.Struct("<QQII32s")
_PART = struct.Struct("<QQI")


class Damaged(Exception):
    pass


@dataclass(frozen=True)
class Base:
    size: int
    offset: int
    length: int
    schemes: int
    sha256: bytes

    def pack(self) -> bytes:
        return _SIDE.pack(self.size, self.offset, self.length, self.schemes, self.sha256)

    def region(self, package: bytes) -> bytes:
        return package[self.offset : self.offset + self.length]

    def with_region(self, package: bytes, region: bytes) -> bytes:
        assert len(region) == self.length
        return package[: self.offset] + region + package[self.offset + self.length :]

    def blank(self) -> bytes:
        return bytes(self.length) if self.schemes == 1 else _pair(FILLER, bytes(self.length - 12))


def base_of(package: bytes, offset: int, length: int, schemes: int) -> Base:
    return Base(len(package), offset, length, schemes, hashlib.sha256(package).digest())


def _raw(content: bytes) -> zstandard.ZstdCompressionDict:
    return zstandard.ZstdCompressionDict(content, dict_type=zstandard.DICT_TYPE_RAWCONTENT)


def make(old: bytes, new: bytes, old_base: Base, new_base: Base, part: int = MOST) -> bytes:
    header = MAGIC + struct.pack("<II", 1, 0) + old_base.pack() + new_base.pack()
    out = header[:12] + struct.pack("<I", zlib.crc32(header)) + header[16:]
    for at in range(0, len(new), part):
        content = new[at : at + part]
        start = min(at, len(old) // 2)  # any prefix will do
        out += _PART.pack(start, len(old) - start, len(content))
        parameters = zstandard.ZstdCompressionParameters.from_level(6, window_log=27)
        out += zstandard.ZstdCompressor(compression_params=parameters, dict_data=_raw(old[start:])).compress(content)
    return out


def read_header(patch: bytes) -> tuple[Base, Base]:
    header = patch[:128]
    version, crc = struct.unpack_from("<II", header, 8)
    if header[:8] != MAGIC or version != 1 or crc != zlib.crc32(header[:12] + bytes(4) + header[16:]):
        raise Damaged("header")
    return Base(*_SIDE.unpack_from(header, 16)), Base(*_SIDE.unpack_from(header, 72))


def restore(old: bytes, patch: bytes) -> bytes:
    """The new base; `old` is the old one."""
    _, new_base = read_header(patch)
    out, rest = b"", patch[128:]
    while len(out) < new_base.size:
        offset, length, count = _PART.unpack_from(rest)
        rest = rest[_PART.size :]
        fits = offset + length <= len(old) and 1 <= count <= min(MOST, new_base.size - len(out))
        if not fits or zstandard.frame_content_size(rest) != count:
            raise Damaged("part")
        frame = zstandard.ZstdDecompressor(dict_data=_raw(old[offset : offset + length]), max_window_size=1 << 31).decompressobj()
        content = frame.decompress(rest)
        if len(content) != count:
            raise Damaged("frame")
        out, rest = out + content, frame.unused_data
    if rest or hashlib.sha256(out).digest() != new_base.sha256:
        raise Damaged("end")
    return out


def apply(installed: bytes, patch: bytes) -> bytes:
    old_base, new_base = read_header(patch)
    if len(installed) != old_base.size:
        raise Damaged("size")
    held = read_region(old_base.region(installed), old_base.schemes)
    old = old_base.with_region(installed, old_base.blank())
    if hashlib.sha256(old).digest() != old_base.sha256:
        raise Damaged("another package")
    return new_base.with_region(restore(old, patch), write_region(held, new_base))


# --- regions: {"walle": JSON, "raw": JSON, "vasdolly": name, "packer-ng": name}

Held = dict[str, bytes]


def _pair(ident: int, value: bytes) -> bytes:
    return struct.pack("<QI", 4 + len(value), ident) + value


def _packer_ng(name: bytes) -> bytes:
    payload = "CHANNEL\u2218".encode() + name + "\u2219".encode()
    length = struct.pack("<I", len(payload))
    return b"Packer Ng Sig V2" + length + payload + length


def read_region(region: bytes, schemes: int) -> Held:
    held: Held = {}
    if schemes == 1:
        for name, magic in (("vasdolly", b"ltlovezh"), ("packer-ng", b"!ZXK!")):
            if region.endswith(magic):
                body = region[: -len(magic) - 2]
                held[name] = body[len(body) - struct.unpack("<H", region[len(body) : len(body) + 2])[0] :]
        if region.startswith(b"{"):
            held["raw"] = region.rstrip(b"\0")
        return held
    stream = io.BytesIO(region)
    while head := stream.read(12):
        length, ident = struct.unpack("<QI", head)
        value = stream.read(length - 4)
        if ident == WALLE:
            held["walle"] = value.rstrip(b" ")
        elif ident == VASDOLLY:
            held["vasdolly"] = value.rstrip(b" ")
        elif ident == PACKER_NG:
            size = struct.unpack_from("<I", value, 16)[0]
            held["packer-ng"] = value[20 : 20 + size].removeprefix("CHANNEL\u2218".encode()).removesuffix("\u2219".encode())
    assert all(json.loads(held[name]) for name in ("walle", "raw") if name in held)
    return held


def _write_comment(held: Held, length: int) -> bytes:
    for name, magic in (("vasdolly", b"ltlovezh"), ("packer-ng", b"!ZXK!")):
        if name in held:
            return (held[name] + struct.pack("<H", len(held[name])) + magic).rjust(length, b"\0")
    return held.get("walle", held.get("raw", b"")).ljust(length, b"\0")


def write_region(held: Held, base: Base) -> bytes:
    if base.schemes == 1:
        return _write_comment(held, base.length)
    walle = held.get("walle", held.get("raw"))
    pairs = [(ident, value) for ident, value in (
        (WALLE, walle), (VASDOLLY, held.get("vasdolly")),
        (PACKER_NG, _packer_ng(held["packer-ng"]) if "packer-ng" in held else None)) if value is not None]
    left = base.length - sum(12 + len(value) for _, value in pairs)
    if 0 < left < 12:
        ident, value = pairs[0]
        pairs[0] = ident, value + (b"\0" if ident == PACKER_NG else b" ") * left
    elif left:
        pairs.append((FILLER, bytes(left - 12)))
    return b"".join(_pair(ident, value) for ident, value in pairs)
