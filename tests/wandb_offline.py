"""Reads what an offline run of W&B holds. Its log is LevelDB framing around protobuf records."""

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

BLOCK, FILE_HEADER, CHUNK_HEADER = 32 * 1024, 7, 7
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4


def payloads(data: bytes) -> Iterator[bytes]:
    """Records of the log, joined from their chunks; stops where a kill cut the file."""
    position, parts = FILE_HEADER, b""
    while position + CHUNK_HEADER <= len(data):
        left = BLOCK - position % BLOCK
        if left < CHUNK_HEADER:
            position += left
            continue
        _, length, kind = struct.unpack_from("<IHB", data, position)
        if kind == 0:
            position += left
            continue
        body = data[position + CHUNK_HEADER : position + CHUNK_HEADER + length]
        position += CHUNK_HEADER + length
        parts = body if kind in (FULL, FIRST) else parts + body
        if kind in (FULL, LAST):
            yield parts


def value(item: Any) -> Any:
    """A history or summary value: JSON text, or the typed form of newer versions."""
    if item.value_json:
        return json.loads(item.value_json)
    kind = item.WhichOneof("value")
    return json.loads(item.json) if kind == "json" else getattr(item, kind)


def tree(items: Any) -> dict[str, Any]:
    """Items with nested keys -> nested dicts."""
    root: dict[str, Any] = {}
    for item in items:
        *parents, last = list(item.nested_key) or [item.key]
        node = root
        for parent in parents:
            node = node.setdefault(parent, {})
        node[last] = value(item)
    return root


def read(folder: Path) -> dict[str, Any]:
    """Name, group, tags, config, history rows, last summary and exit code of the one run below a folder."""
    from wandb.proto import wandb_internal_pb2 as pb

    (log,) = folder.glob("wandb/offline-run-*/run-*.wandb")
    run: dict[str, Any] = {"history": [], "summary": {}, "config": {}, "exit": None, "files": log.parent / "files"}
    run["artifacts"] = []
    for payload in payloads(log.read_bytes()):
        record = pb.Record.FromString(payload)
        kind = record.WhichOneof("record_type")
        if kind == "run":
            run |= {"id": record.run.run_id, "name": record.run.display_name, "group": record.run.run_group}
            run |= {"tags": list(record.run.tags), "project": record.run.project, "job_type": record.run.job_type}
        if kind in ("run", "config"):
            config = record.run.config if kind == "run" else record.config
            run["config"] |= tree(config.update)
        elif kind == "history":
            run["history"].append(tree(record.history.item))
        elif kind == "summary":
            run["summary"] |= tree(record.summary.update)
        elif kind == "artifact":
            contents = {entry.path: Path(entry.local_path) for entry in record.artifact.manifest.contents}
            run["artifacts"].append((record.artifact.type, record.artifact.name, contents))
        elif kind == "exit":
            run["exit"] = record.exit.exit_code
    return run
