"""The start of a run in W&B: online where that is wanted and possible, else offline. All that may raise is here."""

import re
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vae.config.schema import WandbConfig
from vae.tracking.wandb.environment import give_folders, leave_out_all, problems, wandb_mode
from vae.tracking.wandb.identity import RunIdentity, RunPlace, in_this_place, named_here, outer_agent
from vae.tracking.wandb.server import (
    first_line,
    forget_dead_service,
    known_unreachable,
    leave_in_time,
    quiet,
    remember_unreachable,
    tear_down,
)
from vae.tracking.wandb.sync import is_synced, parts_below, upload

_ID_FREE_SECONDS = 20.0
_PLACES = ("sweep_id", "sweep_param_path", "run_id", "fork_from", "resume_from", "x_files_dir")
"""Settings by which W&B would choose another run, or another folder, than the run's."""


@dataclass(frozen=True)
class Start:
    """What a run is started with."""

    id: str
    settings: WandbConfig
    place: RunPlace
    record: Mapping[str, Any]
    """The run's config."""
    identity: RunIdentity | None
    """None: that of a run which is continued."""
    warn: Callable[[str], None]
    """Is told why the run goes on offline, where it should have been online."""
    stop: Callable[[], None]
    """What the dashboard's "Stop run" calls. A function, not a method: W&B makes a deep copy of its settings."""


def start(request: Start) -> Any:
    """W&B's object of the run, which is started or resumed. Raises only what W&B raises offline."""
    wandb = quiet()
    forget_dead_service()
    refused, problem = problems(wandb), None
    give_folders(request.place.folder / "wandb")
    request = _in_words_of_variables(request)
    mode = wandb_mode(request.settings.mode)
    if refused:
        more = f", and {len(refused) - 1} more" if len(refused) > 1 else ""
        problem = f"{refused[0]}{more}; this run stays offline"
    elif mode == "online":
        problem = _why_not_online(request)
    if mode == "online" and not problem:
        run, problem = _start_online(wandb, request)
    else:
        run = None
    if run is None:
        run, problem = _start_offline(wandb, request, problem)
    if problem:
        request.warn(problem)
    run.define_metric("epoch", hidden=True)
    run.define_metric("*", step_metric="epoch")
    run.define_metric("val/elbo", step_metric="epoch", summary="max,last")
    return run


def _in_words_of_variables(request: Start) -> Start:
    """The request, with what W&B's variables say where nothing else was asked for."""
    place, identity = request.place, request.identity
    settings = in_this_place(request.settings, place.typed)
    if identity is not None:
        identity = named_here(identity, settings, place.job, str(request.record.get("notes") or ""))
    return replace(request, settings=settings, identity=identity)


def _set_up(wandb: Any, request: Start) -> None:
    """Prepares W&B. It is told of an outer agent's sweep only for the run that this agent has started."""
    own = wandb.setup(settings=wandb.Settings(silent=True)).settings
    leave_in_time()
    sweep_config = own.sweep_param_path
    for name in _PLACES:
        if hasattr(own, name):
            setattr(own, name, None)
    agent = outer_agent()
    if agent and agent.run == request.id and sweep_config and Path(sweep_config).is_file():
        own.sweep_param_path = sweep_config


def _start_online(wandb: Any, request: Start) -> tuple[Any, str | None]:
    """The run, or None and why it goes on offline."""
    before = set(parts_below(request.place.folder))
    try:
        _set_up(wandb, request)
        return _init(wandb, "online", request), None
    except Exception as error:
        reason = first_line(error)
    remember_unreachable()
    tear_down()
    for empty in set(parts_below(request.place.folder)) - before:
        shutil.rmtree(empty, ignore_errors=True)
    what = "the server refuses the key" if re.search(r"\b40[13]\b", reason) else "no server"  # no part of a port
    return None, f"{what} ({reason}); this run continues offline"


def _start_offline(wandb: Any, request: Start, problem: str | None) -> tuple[Any, str | None]:
    """The run and `problem`; or, where W&B starts only without its variables, that problem."""
    try:
        return _init_offline(wandb, request), problem
    except Exception as error:
        unusable = leave_out_all(first_line(error))
        if unusable is None:
            raise
    tear_down()
    request = _in_words_of_variables(request)
    return _init_offline(wandb, request), problem or f"{unusable}; this run stays offline, without them"


def _init_offline(wandb: Any, request: Start) -> Any:
    """Starts offline. A failed attempt keeps the run's id in use until W&B gives up its requests."""
    deadline = time.monotonic() + _ID_FREE_SECONDS
    while True:
        try:
            _set_up(wandb, request)
            return _init(wandb, "offline", request)
        except Exception as error:
            if "in use" not in str(error) or time.monotonic() > deadline:
                raise
            tear_down()
            time.sleep(0.2)


def _init(wandb: Any, mode: str, request: Start) -> Any:
    identity, settings = request.identity or RunIdentity(), request.settings
    return wandb.init(
        id=request.id,
        project=settings.project,
        entity=settings.entity,
        name=identity.name,
        group=identity.group,
        tags=identity.tags,
        job_type=identity.job_type,
        notes=identity.notes,
        config=dict(request.record),
        resume="allow",
        reinit="create_new",
        allow_val_change=True,
        dir=str(request.place.folder),
        mode=mode,
        settings=wandb.Settings(**_known(wandb.Settings.model_fields, request)),
    )


def _known(fields: Mapping[str, Any], request: Start) -> dict[str, Any]:
    """W&B's settings, without those that the installed version lacks (names with `x_` come and go)."""
    agent, settings = outer_agent(), request.settings
    wanted = {
        "silent": True,
        "console": "off",
        "init_timeout": settings.init_timeout_seconds,
        "finish_timeout": settings.finish_timeout_seconds,
        "finish_timeout_raises": True,
        "stop_fn": request.stop,
        "use_dot_wandb": False,
        "x_sync_dir_suffix": "",
        "x_skip_transaction_log": False,
        "x_transaction_log_flush_interval": 1,
        "x_save_requirements": False,  # listing all packages takes most of a trial's start
    }
    if agent and agent.run == request.id:
        wanted["sweep_id"] = agent.sweep
    return {name: value for name, value in wanted.items() if name in fields}


def _why_not_online(request: Start) -> str | None:
    """Why this part of the run must stay offline; None if it need not.

    Uploads what earlier, interrupted parts of this run have left on disk, so that its rows arrive in order.
    """
    if known_unreachable():
        return "the server did not answer a short while ago; this run continues offline"
    earlier = [part for part in parts_below(request.place.folder / "wandb") if not is_synced(part)]
    if not earlier:
        return None
    deadline = time.monotonic() + request.settings.init_timeout_seconds
    while (left := deadline - time.monotonic()) > 0:
        upload(earlier, left)
        if all(map(is_synced, earlier)):
            return None
        time.sleep(1)  # W&B's process of a killed run may still be writing its log
    remember_unreachable()
    return "an earlier part of this run cannot be synced now; this run continues offline"
