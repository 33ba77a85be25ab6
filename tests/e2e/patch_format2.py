"""Patches of format 2 in another language, written from lib/patch/FORMAT.md alone."""

import hashlib
import io
import lzma
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from patch_format import MAGIC, Base, Damaged, read_region, write_region

ENTRIES, COPIES, INSERTS, SEEKS, RUNS, DIFFERENCES, LITERALS = range(7)
PIECE = 65536
MOST = 1 << 36
_SIDE = struct.Struct("<QQII32s")


@dataclass(frozen=True)
class Entry:
    offset: int
    deflated: int
    inflated: int
    parameters: int = 0


def number(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out) + bytes([value])


def numbers(*values: int) -> bytes:
    return b"".join(map(number, values))


def read_number(stream: io.BytesIO) -> int:
    value = 0
    for i in range(9):
        byte = stream.read(1)
        if not byte:
            raise Damaged("number")
        value |= (byte[0] & 127) << 7 * i
        if byte[0] < 128:
            return value
    raise Damaged("number")


def _filters(properties: int, dictionary: int) -> list[dict[str, int]]:
    return [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << dictionary, "lc": properties % 9, "lp": properties // 9 % 5, "pb": properties // 45}]


# --- reading


def read_streams(patch: bytes) -> list[io.BytesIO]:
    rest = io.BytesIO(patch[128:])
    directory = []
    for i in range(7):
        unpacked, packed = read_number(rest), read_number(rest)
        if unpacked > MOST or packed > unpacked:
            raise Damaged("sizes")
        properties, dictionary = rest.read(2).ljust(2, b"\xff") if packed < unpacked else (0, 12)
        if properties >= 225 or properties % 9 + properties // 9 % 5 > 4 or not 12 <= dictionary <= (22 if i >= DIFFERENCES else 18):
            raise Damaged("properties")
        directory.append((unpacked, packed, _filters(properties, dictionary)))
    streams = []
    for unpacked, packed, filters in directory:
        content = rest.read(packed)
        if len(content) != packed:
            raise Damaged("truncated")
        if packed < unpacked:
            content = unpack(content, unpacked, filters)
        streams.append(io.BytesIO(content))
    if rest.read(1):
        raise Damaged("behind the end")
    return streams


def unpack(content: bytes, length: int, filters: list[dict[str, int]]) -> bytes:
    decoder = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=filters)
    try:
        out = decoder.decompress(content, length + 1)
    except lzma.LZMAError as wrong:
        raise Damaged("LZMA2") from wrong
    if len(out) != length or not decoder.eof or decoder.unused_data:
        raise Damaged("LZMA2")
    return out


def read_entries(stream: io.BytesIO, size: int, parameters: bool) -> list[Entry]:
    entries: list[Entry] = []
    end = 0
    count = read_number(stream)
    if count > 65536:
        raise Damaged("entries")
    for _ in range(count):
        gap, deflated, inflated = (read_number(stream) for _ in range(3))
        value = read_number(stream) if parameters else 0
        if deflated == 0 or end + gap + deflated > size or inflated > 1032 * deflated:
            raise Damaged("entry")
        entries.append(Entry(end + gap, deflated, inflated, value))
        end += gap + deflated
    return entries


def inflated_form(base: bytes, entries: list[Entry]) -> bytes:
    out, at = [], 0
    for entry in entries:
        decoder = zlib.decompressobj(-15)
        end = entry.offset + entry.deflated
        content = decoder.decompress(base[entry.offset : end], entry.inflated + 1)
        if len(content) != entry.inflated or not decoder.eof or decoder.unused_data:
            raise Damaged("inflate")
        out += [base[at : entry.offset], content]
        at = end
    return b"".join([*out, base[at:]])


def deflate(content: bytes, parameters: int) -> bytes:
    level, memory, strategy = parameters & 15, ((parameters >> 4 & 15) + 8) % 16, parameters >> 8
    if not 1 <= level <= 9 or not 1 <= memory <= 9 or strategy > 4:
        raise Damaged("parameters")
    encoder = zlib.compressobj(level, zlib.DEFLATED, -15, memory, strategy)
    out = [encoder.compress(content[at : at + PIECE]) for at in range(0, len(content), PIECE)]
    return b"".join([*out, encoder.flush()])


def differences(runs: io.BytesIO, plain: io.BytesIO) -> Callable[[int], bytes]:
    """The next n bytes of the sequence."""
    left, zeros = 0, 0

    def take(count: int) -> bytes:
        nonlocal left, zeros
        out = bytearray()
        while len(out) < count:
            if not left and not zeros:
                left, zeros = read_number(runs), read_number(runs)
                if not left and not zeros:
                    raise Damaged("run")
            wanted = count - len(out)
            if left:
                some = plain.read(min(wanted, left))
                if not some:
                    raise Damaged("differences")
                left -= len(some)
            else:
                some = bytes(min(wanted, zeros))
                zeros -= len(some)
            out += some
        return bytes(out)

    return take


def added(old: bytes, difference: bytes) -> bytes:
    if not difference.strip(b"\0"):
        return old
    return bytes((a + b) & 255 for a, b in zip(old, difference, strict=True))


def commands(old: bytes, size: int, streams: list[io.BytesIO]) -> bytes:
    out = bytearray()
    at = 0
    take = differences(streams[RUNS], streams[DIFFERENCES])
    while len(out) < size:
        seek, copied, inserted = (read_number(streams[i]) for i in (SEEKS, COPIES, INSERTS))
        at += -(seek + 1) // 2 if seek & 1 else seek // 2
        literal = streams[LITERALS].read(inserted)
        if at < 0 or at + copied > len(old) or copied + inserted == 0 or len(out) + copied + inserted > size or len(literal) != inserted:
            raise Damaged("command")
        out += added(old[at : at + copied], take(copied)) + literal
        at += copied
    return bytes(out)


def read_header(patch: bytes) -> tuple[Base, Base]:
    header = patch[:128]
    version, crc = struct.unpack_from("<II", header, 8)
    if header[:8] != MAGIC or version != 2 or crc != zlib.crc32(header[:12] + bytes(4) + header[16:]):
        raise Damaged("header")
    return Base(*_SIDE.unpack_from(header, 16)), Base(*_SIDE.unpack_from(header, 72))


def restore(old: bytes, patch: bytes) -> bytes:
    old_base, new_base = read_header(patch)
    streams = read_streams(patch)
    from_entries = read_entries(streams[ENTRIES], old_base.size, False)
    to_entries = read_entries(streams[ENTRIES], new_base.size, True)
    form = commands(inflated_form(old, from_entries), new_base.size + sum(e.inflated - e.deflated for e in to_entries), streams)
    out, at, made = [], 0, 0
    for entry in to_entries:
        gap = entry.offset - made
        deflated = deflate(form[at + gap : at + gap + entry.inflated], entry.parameters)
        if len(deflated) != entry.deflated:
            raise Damaged("another zlib")
        out += [form[at : at + gap], deflated]
        at += gap + entry.inflated
        made = entry.offset + entry.deflated
    base = b"".join([*out, form[at:]])
    if any(stream.read(1) for stream in streams):
        raise Damaged("streams")
    if hashlib.sha256(base).digest() != new_base.sha256 or new_base.region(base) != new_base.blank():
        raise Damaged("end")
    return base


def apply(installed: bytes, patch: bytes) -> bytes:
    old_base, new_base = read_header(patch)
    held = read_region(old_base.region(installed), old_base.schemes)
    old = old_base.with_region(installed, old_base.blank())
    if len(installed) != old_base.size or hashlib.sha256(old).digest() != old_base.sha256:
        raise Damaged("another package")
    return new_base.with_region(restore(old, patch), write_region(held, new_base))


# --- writing


def make(old_base: Base, new_base: Base, streams: list[bytes], packed: bool = True) -> bytes:
    """A patch of these streams: packed by LZMA2 where that is shorter, or stored."""
    header = MAGIC + struct.pack("<II", 2, 0) + old_base.pack() + new_base.pack()
    directory, contents = b"", b""
    for stream in streams:
        short = lzma.compress(stream, lzma.FORMAT_RAW, filters=_filters(0, 16)) if packed else stream
        if len(short) < len(stream):
            directory += numbers(len(stream), len(short)) + bytes([0, 16])
        else:
            short = stream
            directory += numbers(len(stream), len(stream))
        contents += short
    return header[:12] + struct.pack("<I", zlib.crc32(header)) + header[16:] + directory + contents
