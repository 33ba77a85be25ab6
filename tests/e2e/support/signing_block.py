"""The APK Signing Block, read and rewritten without any of the code under test.

    u64 size | pairs: u64 length, u32 id, value ... | u64 size | "APK Sig Block 42" | central directory
"""

import os
import shutil
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

MAGIC = b"APK Sig Block 42"
V2, V3, V31 = 0x7109871A, 0xF05368C0, 0x1B93AD61
PADDING = 0x42726577
WALLE, VASDOLLY, PACKER_NG = 0x71777777, 0x881155FF, 0x7A786B21


@dataclass(frozen=True)
class Pair:
    id: int
    value: bytes
    offset: int = 0  # of the pair's length field, in the file


@dataclass(frozen=True)
class Zip:
    size: int
    directory: int  # offset of the central directory
    end: int  # offset of the end of central directory record
    comment: bytes


@dataclass(frozen=True)
class Block:
    offset: int
    size: int  # with both size fields and the magic
    pairs: tuple[Pair, ...]

    def values(self) -> dict[int, bytes]:
        """As the readers in apps keep them: the last of two equal ids wins."""
        return {pair.id: pair.value for pair in self.pairs}


def _at(file: BinaryIO, offset: int, length: int) -> bytes:
    file.seek(offset)
    return file.read(length)


def read_zip(path: Path) -> Zip:
    size = path.stat().st_size
    with open(path, "rb") as file:
        tail_offset = max(0, size - 22 - 0xFFFF)
        tail = _at(file, tail_offset, size - tail_offset)
    at = len(tail) - 22
    while at >= 0:
        if tail[at : at + 4] == b"PK\5\6":
            directory, comment_length = struct.unpack_from("<IH", tail, at + 16)
            if at + 22 + comment_length == len(tail):
                return Zip(size, directory, tail_offset + at, tail[at + 22 :])
        at -= 1
    raise ValueError(f"{path}: no end of central directory")


def read_block(path: Path) -> Block | None:
    directory = read_zip(path).directory
    with open(path, "rb") as file:
        size, magic = struct.unpack("<Q16s", _at(file, directory - 24, 24))
        if magic != MAGIC:
            return None
        offset = directory - size - 8
        block = _at(file, offset, size + 8)
    if struct.unpack_from("<Q", block)[0] != size:
        raise ValueError(f"{path}: the block's two size fields differ")
    return Block(offset, size + 8, tuple(_pairs(block, offset)))


def _pairs(block: bytes, offset: int) -> list[Pair]:
    pairs = []
    at, end = 8, len(block) - 24
    while at < end:
        length, id = struct.unpack_from("<QI", block, at)
        if length < 4 or at + 8 + length > end:
            raise ValueError(f"pair 0x{id:08x} overruns the block")
        pairs.append(Pair(id, block[at + 12 : at + 8 + length], offset + at))
        at += 8 + length
    return pairs


def pack_block(pairs: list[Pair]) -> bytes:
    body = b"".join(struct.pack("<QI", 4 + len(pair.value), pair.id) + pair.value for pair in pairs)
    size = struct.pack("<Q", len(body) + 24)
    return size + body + size + MAGIC


def padded(pairs: list[Pair]) -> list[Pair]:
    """The pairs with a padding pair that brings the block to a multiple of 4096, as apksigner does."""
    pairs = [pair for pair in pairs if pair.id != PADDING]
    missing = -len(pack_block(pairs)) % 4096
    if missing == 0:
        return pairs
    if missing < 12:
        missing += 4096
    return [*pairs, Pair(PADDING, bytes(missing - 12))]


def rewrite(source: Path, target: Path, edit: Callable[[list[Pair]], list[Pair]]) -> None:
    """A copy of `source` with the pairs that `edit` returns; signatures do not cover them."""
    block, zip = read_block(source), read_zip(source)
    if block is None:
        raise ValueError(f"{source}: no signing block")
    with open(source, "rb") as file:
        tail = bytearray(_at(file, zip.directory, zip.size - zip.directory))
    new = pack_block(edit(list(block.pairs)))
    struct.pack_into("<I", tail, zip.end - zip.directory + 16, block.offset + len(new))
    shutil.copyfile(source, target)
    os.truncate(target, block.offset)
    with open(target, "ab") as file:
        file.write(new + tail)
