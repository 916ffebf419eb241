"""W&B's log of a run (`run-*.wandb`): records in the framing of LevelDB's logs.

A kill can cut the last record. `wandb sync` then sends the whole records, but reports a failure every time.
"""

import os
import struct
import time
from pathlib import Path

BLOCK, FILE_HEADER, CHUNK_HEADER = 32 * 1024, 7, 7
FULL, LAST = 1, 4
"""Kinds of the chunk that ends a record."""
IDLE_SECONDS = 2.0
"""A log that has not changed for this long belongs to no running run, which would write every second."""


def drop_cut_record(log: Path) -> None:
    """Shortens a log to its whole records, unless a run is still writing it."""
    if time.time() - log.stat().st_mtime < IDLE_SECONDS:
        return
    data = log.read_bytes()
    size = whole_size(data)
    if size < len(data):
        os.truncate(log, size)


def whole_size(data: bytes) -> int:
    """Bytes up to the end of the last complete record.

    A block holds chunks, each with a header (checksum of 4 bytes, length of 2, kind of 1) that never crosses the end of
    the block; a record that does not fit into its block is split into several chunks.
    """
    position = whole = min(FILE_HEADER, len(data))
    while position + CHUNK_HEADER <= len(data):
        left_in_block = BLOCK - position % BLOCK
        length, kind = struct.unpack_from("<HB", data, position + 4)
        if left_in_block < CHUNK_HEADER or kind == 0:  # padding
            position += left_in_block
            continue
        position += CHUNK_HEADER + length
        if kind in (FULL, LAST) and position <= len(data):
            whole = position
    return whole
