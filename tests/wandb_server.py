"""A W&B server on loopback, as small as wandb 0.31 lets it be: runs with their history, files, views and sweep pages.

It can fail: `fail_share` of the requests at random, or all of them while `down` is set, with the status `code`; while
`stalled` is set it accepts and does not answer. `stop` answers as the dashboard's "Stop run" does.
"""

import base64
import gzip
import json
import random
import re
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

ENTITY = "somebody"
KEY = "k" * 40


@dataclass
class Run:
    name: str
    project: str
    about: dict[str, Any] = field(default_factory=dict)
    """display_name, group, job type, tags, notes."""
    config: dict[str, Any] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)
    rows: dict[int, dict[str, Any]] = field(default_factory=dict)
    """History by step: a step that is sent again is the same row."""
    files: dict[str, int] = field(default_factory=dict)
    """Name -> bytes."""
    sweep: str | None = None
    exit_code: int | None = None

    def series(self, name: str) -> list[Any]:
        return [row[name] for _, row in sorted(self.rows.items()) if name in row]

    def bucket(self) -> dict[str, Any]:
        """What a client asks about a run, whatever it asks for."""
        last = self.rows[max(self.rows)] if self.rows else {}
        project = {"id": "p", "name": self.project, "entity": {"id": "e", "name": ENTITY}}
        return {
            "id": f"storage-{self.name}",
            "name": self.name,
            "displayName": self.about.get("displayName"),
            "config": json.dumps(self.config),
            "summaryMetrics": json.dumps(self.summary),
            "systemMetrics": "{}",
            "sweepName": self.sweep,
            "project": project,
            "projectId": 1,
            "tags": self.about.get("tags") or [],
            "group": self.about.get("groupName"),
            "jobType": self.about.get("jobType"),
            "notes": self.about.get("notes"),
            "state": "running" if self.exit_code is None else "finished",
            "commit": None,
            "readOnly": False,
            "createdAt": "2026-01-01T00:00:00Z",
            "heartbeatAt": "2026-01-01T00:00:00Z",
            "description": None,
            "user": {"name": ENTITY, "username": ENTITY},
            "historyKeys": None,
            "historyLineCount": len(self.rows),
            "eventsLineCount": 0,
            "logLineCount": 0,
            "historyTail": json.dumps([json.dumps(last)] if last else []),
            "eventsTail": "[]",
            "wandbConfig": '{"t": {}}',
        }


class Http(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Clients are killed here: what they leave open is no news."""


class WandbServer:
    """`with WandbServer() as server:` a process with `server.env` finds it."""

    def __init__(self, fail_share: float = 0.0, down: bool = False) -> None:
        self.fail_share, self.down, self.stop = fail_share, down, False
        self.stalled, self.code, self.nonsense = False, 500, b""
        self.runs: dict[str, Run] = {}
        self.views: list[dict[str, Any]] = []
        self.sweeps: list[dict[str, Any]] = []
        self.requests = self.failed = 0
        self._random = random.Random(0)
        self._lock = threading.RLock()
        self._http = Http(("127.0.0.1", 0), type("Bound", (Handler,), {"server_state": self}))
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        self.env = {"WANDB_BASE_URL": self.url, "WANDB_API_KEY": KEY, "WANDB_MODE": "online"}

    def __enter__(self) -> "WandbServer":
        threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()

    def named(self) -> dict[str, Run]:
        """Runs by the name that is shown."""
        return {str(run.about["displayName"]): run for run in self.runs.values()}

    def fails(self) -> bool:
        with self._lock:
            self.requests += 1
            fails = self.down or self._random.random() < self.fail_share
            self.failed += fails
            return fails

    def graphql(self, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        named = re.search(r"\b(?:query|mutation)\s+(\w+)", query)
        answer = getattr(self, "on_" + (named[1] if named else "Viewer"), None)
        with self._lock:
            return answer(variables) if answer else dict.fromkeys(fields(query))

    def on_Viewer(self, _: dict[str, Any]) -> dict[str, Any]:  # noqa: N802  (named as the client names its queries)
        person = {"id": "u", "entity": ENTITY, "username": ENTITY, "name": ENTITY, "email": "", "flags": "{}"}
        return {"viewer": {**person, "admin": False, "teams": {"edges": []}}, "serverInfo": None}

    on_GetViewer = on_GetDefaultEntity = on_Viewer  # noqa: N815

    def on_ServerFeaturesQuery(self, _: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        return {"serverInfo": {"features": []}}

    def on_UpsertBucket(self, v: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        by_storage = {f"storage-{name}": run for name, run in self.runs.items()}
        name = v.get("name") or by_storage[v["id"]].name
        new = name not in self.runs
        run = self.runs.setdefault(name, Run(name, v.get("project") or "uncategorized"))
        run.about |= {k: v[k] for k in ("displayName", "groupName", "jobType", "tags", "notes") if v.get(k) is not None}
        run.config = json.loads(v["config"]) if v.get("config") else run.config
        run.summary = json.loads(v["summaryMetrics"]) if v.get("summaryMetrics") else run.summary
        return {"upsertBucket": {"bucket": run.bucket(), "inserted": new}}

    def on_RunResumeStatus(self, v: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        run = self.runs.get(v["name"])
        entity = {"id": "e", "name": ENTITY}
        return {"model": {"id": "p", "name": v["project"], "entity": entity, "bucket": run.bucket() if run else None}}

    def on_CreateRunFiles(self, v: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        files = [{"name": f, "uploadUrl": f"{self.url}/upload/{v['run']}/{f}"} for f in v["files"]]
        return {"createRunFiles": {"runID": v["run"], "uploadHeaders": [], "files": files}}

    def on_Runs(self, v: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        wanted = json.loads(v["filters"])["name"]["$in"]
        found = [run for name, run in self.runs.items() if name in wanted and run.project == v["project"]]
        edges = [{"node": run.bucket(), "cursor": run.name} for run in found]
        page = {"endCursor": None, "hasNextPage": False}
        project = {"internalId": "1", "runCount": len(found), "readOnly": False}
        return {"project": {**project, "runs": {"edges": edges, "pageInfo": page}} if found else None}

    on_LightweightRuns = on_Runs  # noqa: N815

    def on_GetProjects(self, _: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        names = sorted({run.project for run in self.runs.values()})
        made = "2026-01-01T00:00:00Z"
        keys = {"deletedAt": None, "apiKeys": {"edges": []}}
        user = {**self.on_Viewer({})["viewer"], **keys}
        about = {"__typename": "Project", "entityName": ENTITY, "createdAt": made, "isBenchmark": False, "user": user}
        edges = [{"node": {"id": base64.b64encode(b"Project:1").decode(), "name": n, **about}} for n in names]
        page = {"__typename": "PageInfo", "endCursor": None, "hasNextPage": False}
        return {"models": {"pageInfo": page, "edges": edges}}

    def on_ProjectInternalId(self, _: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        return {"project": {"internalId": "1"}}

    def on_UpsertView2(self, v: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        self.views.append({**v, "spec": json.loads(v["spec"])})
        ident = base64.b64encode(f"View:{len(self.views)}".encode()).decode()
        project = {"id": "p", "name": v["projectName"], "entityName": v["entityName"]}
        shown = {k: v.get(k) for k in ("name", "type", "displayName", "description", "spec")}
        now = "2026-01-01T00:00:00Z"
        view = {"id": ident, **shown, "createdAt": now, "updatedAt": now, "project": project}
        return {"upsertView": {"inserted": True, "view": view}}

    on_upsertView = on_UpsertView2  # noqa: N815

    def on_UpsertSweep(self, v: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        self.sweeps.append(v)
        name = f"sweep{len(self.sweeps)}"
        prior = json.loads(v["priorRunsFilters"])["$or"] if v.get("priorRunsFilters") else []
        for run in (self.runs[p["name"]] for p in prior if p.get("name") in self.runs):
            run.sweep = name
        project = {"id": "p", "name": v["projectName"], "entity": {"id": "e", "name": ENTITY}}
        return {
            "upsertSweep": {"sweep": {"id": name, "name": name, "project": project}, "configValidationWarnings": []}
        }

    def stream(self, name: str, body: dict[str, Any]) -> None:
        """The stream of a run: history, summary, its end."""
        with self._lock:
            run = self.runs[name]
            files = body.get("files") or {}
            for text in files.get("wandb-history.jsonl", {}).get("content", []):
                row = json.loads(text)
                run.rows[row["_step"]] = row
            for text in files.get("wandb-summary.json", {}).get("content", []):
                run.summary = json.loads(text)
            if body.get("complete"):
                run.exit_code = body.get("exitcode")

    def uploaded(self, path: str, data: bytes) -> None:
        _, _, name, file = unquote(path).split("/", 3)
        with self._lock:
            self.runs[name].files[file] = len(data)


def fields(query: str) -> list[str]:
    """Names at the top of a GraphQL query: each is answered with null."""
    body = re.sub(r"\([^()]*\)", "", query[query.index("{") + 1 :])
    found, depth = [], 0
    for token in re.findall(r"\w+|[{}]", body):
        depth += (token == "{") - (token == "}")
        if depth == 0 and token not in "{}":
            found.append(token)
    return found


class Handler(BaseHTTPRequestHandler):
    server_state: WandbServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def answer(self, code: int, value: Any = None) -> None:
        data = json.dumps(value).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def body(self) -> bytes:
        if "chunked" in (self.headers.get("Transfer-Encoding") or ""):
            data = b""
            while size := int(self.rfile.readline().strip() or b"0", 16):
                data += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        return gzip.decompress(data) if self.headers.get("Content-Encoding") == "gzip" else data

    def handle_request(self) -> None:
        server, data = self.server_state, self.body()
        while server.stalled:
            time.sleep(0.05)
        if server.nonsense:
            self.wfile.write(server.nonsense)
            self.close_connection = True
        elif server.fails():
            self.answer(server.code, {"error": "asked to fail"})
        elif self.path == "/graphql":
            asked = json.loads(data)
            self.answer(200, {"data": server.graphql(asked["query"], asked.get("variables") or {})})
        elif self.path.endswith("/file_stream"):
            server.stream(self.path.split("/")[-2], json.loads(data))
            self.answer(200, {"exitcode": None, "limits": {}, "stopped": server.stop})
        elif self.path.startswith("/upload/"):
            server.uploaded(self.path, data)
            self.answer(200)
        else:
            self.answer(404, {"error": self.path})

    def do_POST(self) -> None:
        try:
            self.handle_request()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    do_GET = do_PUT = do_POST  # noqa: N815
