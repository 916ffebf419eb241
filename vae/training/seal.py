"""The seal of a checkpoint: a CRC-32 of the whole file in the comment of its zip archive.

torch writes a CRC-32 for each record of the archive but verifies none, and none covers the archive's directory.
"""

import struct
import zipfile
import zlib
from pathlib import Path
from typing import BinaryIO

MARK = b"vae checkpoint, CRC-32 "
_DIGITS = 8
_COMMENT = len(MARK) + _DIGITS
_LONGEST_COMMENT = 0xFFFF
_BEGIN = b"PK\x03\x04"
_END = b"PK\x05\x06"
"""Begins the last record of a zip archive: 22 bytes, which end with the length of the comment that follows."""
_END_BYTES = 22
_CHUNK_BYTES = 1 << 20
_MOST_NAMED = 3


def seal(file: BinaryIO) -> None:
    """Seals an archive that has no comment; `file` is open for reading and writing."""
    size = file.seek(0, 2)
    file.seek(size - 2)
    file.write(struct.pack("<H", _COMMENT))
    checksum = _checksum(file, size)
    file.seek(size)
    file.write(MARK + f"{checksum:0{_DIGITS}x}".encode())


def is_archive(path: Path) -> bool:
    """Whether the file begins or ends as a zip archive does: a damaged one may have lost either."""
    with path.open("rb") as file:
        return file.read(len(_BEGIN)) == _BEGIN or _end_of(file)[0] >= 0


def damage_of(path: Path) -> str:
    """What is damaged in an archive, in words; empty where nothing is.

    One without a seal, which an earlier version or another program has written, is checked record by record.
    """
    with path.open("rb") as file:
        place, end = _end_of(file)
        comment = end[_END_BYTES:]
        if len(end) < _END_BYTES or int.from_bytes(end[_END_BYTES - 2 : _END_BYTES], "little") != len(comment):
            return f"its end is missing or has changed; it has {path.stat().st_size:,} bytes"
        if len(comment) != _COMMENT:
            return _damaged_records(path)
        expected = MARK + f"{_checksum(file, place + _END_BYTES):0{_DIGITS}x}".encode()
    return "" if comment == expected else _damaged_records(path) or "its directory or its checksum has changed"


def _end_of(file: BinaryIO) -> tuple[int, bytes]:
    """Where the last record of an archive begins, and the bytes from there on; -1 and none where there is none."""
    start = max(0, file.seek(0, 2) - _END_BYTES - _LONGEST_COMMENT)
    file.seek(start)
    tail = file.read()
    place = tail.rfind(_END)
    return (start + place, tail[place:]) if place >= 0 else (-1, b"")


def _damaged_records(path: Path) -> str:
    """Records whose own checksum fails, in words."""
    bad = []
    try:
        with zipfile.ZipFile(path) as archive:
            records = archive.infolist()
            for record in records:
                try:
                    with archive.open(record) as content:
                        while content.read(_CHUNK_BYTES):
                            pass
                except Exception:  # zipfile may raise anything on damaged bytes
                    bad.append(record.filename)
    except Exception as error:
        return f"its directory cannot be read: {error or type(error).__name__}"
    named = ", ".join(map(ascii, bad[:_MOST_NAMED])) + (", ..." if len(bad) > _MOST_NAMED else "")
    return f"{len(bad)} of its {len(records)} records: {named}" if bad else ""


def _checksum(file: BinaryIO, size: int) -> int:
    """CRC-32 of the first `size` bytes."""
    file.seek(0)
    checksum = 0
    while size > 0 and (chunk := file.read(min(size, _CHUNK_BYTES))):
        checksum, size = zlib.crc32(chunk, checksum), size - len(chunk)
    return checksum
