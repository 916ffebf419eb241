"""W&B's log of a run (`run-*.wandb`): records in the framing of LevelDB's logs.

A kill can cut the last record. `wandb sync` then sends what is whole and yet calls the sync failed, each time again.
"""

import os
import struct
import time
from pathlib import Path

BLOCK, FILE_HEADER, CHUNK_HEADER = 32 * 1024, 7, 7
FULL, LAST = 1, 4
"""Kinds of the chunk that ends a record."""
IDLE_SECONDS = 2.0
"""The log of a run that goes on is written every second."""


def drop_cut_record(log: Path) -> None:
    """Shortens a log that nobody writes any more to its whole records."""
    if time.time() - log.stat().st_mtime < IDLE_SECONDS:
        return
    data = log.read_bytes()
    size = whole_size(data)
    if size < len(data):
        os.truncate(log, size)


def whole_size(data: bytes) -> int:
    """Bytes up to the end of the last record that is all there.

    A block holds chunks, each with a header (4 bytes checksum, 2 length, 1 kind) that never crosses its end; a record
    that does not fit into its block is split into several chunks.
    """
    place = whole = min(FILE_HEADER, len(data))
    while place + CHUNK_HEADER <= len(data):
        left = BLOCK - place % BLOCK
        length, kind = struct.unpack_from("<HB", data, place + 4)
        if left < CHUNK_HEADER or kind == 0:  # padding
            place += left
            continue
        place += CHUNK_HEADER + length
        if kind in (FULL, LAST) and place <= len(data):
            whole = place
    return whole
