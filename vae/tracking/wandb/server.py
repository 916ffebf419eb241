"""W&B's module, quiet and ready, its client, and its own process. Never a prompt."""

import atexit
import os
import sys
import time
from contextlib import suppress
from threading import Event, Thread
from typing import Any

from vae.errors import UserError
from vae.tracking.wandb.addresses import redacted, without_login
from vae.tracking.wandb.environment import base_url, has_key, problems

AGAIN_AFTER_SECONDS = 600.0
"""For how long the runs of a process do not wait again for a server that did not answer one of them."""
EXIT_SECONDS = 15.0
"""How long the end of a process waits for W&B's own, when its runs have ended."""
_unreachable_until = 0.0
_leaving, _left = Event(), Event()


def api(timeout_seconds: int = 15) -> Any:
    """W&B's client, once the server has accepted the key. Raises UserError without a key, or where none answers."""
    if not has_key():
        shown = without_login(base_url())
        raise UserError(f"W&B: there is no key for {shown}. Set WANDB_API_KEY, or run `wandb login`.")
    wandb = quiet()
    if refused := problems(wandb):
        raise UserError(f"W&B: {refused[0]}. Nothing was sent.")
    try:
        wandb.setup(settings=wandb.Settings(silent=True))
        return wandb.Api(timeout=timeout_seconds)
    except (wandb.errors.Error, ValueError, OSError) as error:
        raise UserError(
            f"W&B: {without_login(base_url())} does not answer, or refuses the key ({first_line(error)}). "
            "Nothing is lost: the runs are on disk, and the report needs no server."
        ) from error


def quiet() -> Any:
    """The module `wandb`, set to print nothing: this package prints what a user needs to know, once.

    W&B's reports about its own errors are off unless WANDB_ERROR_REPORTING=true asks for them: they go to the same
    server, and delay the end of the process by 20 s where it hangs.
    """
    if os.environ.get("WANDB_ERROR_REPORTING", "").lower() != "true":
        os.environ["WANDB_ERROR_REPORTING"] = "false"
    if "wandb" not in sys.modules:
        os.environ.pop("WANDB_SERVICE", None)  # of another process, which may end at any time
    import wandb

    wandb.termsetup(wandb.Settings(silent=True), None)
    _spare_imports(wandb)
    return wandb


def _spare_imports(wandb: Any) -> None:
    """Keeps W&B from importing what no run here uses: 0.7 s and 60 MB of each process that has a run.

    One is pandas, to see whether a picture is a data frame: without it, W&B looks at the name of the type. The other is
    its package for Launch, to see whether inputs of a job were declared, which only that package can do.
    Where the installed version of W&B lacks these names, nothing changes.
    """
    if hasattr(wandb.util, "pd_available"):
        wandb.util.pd_available = False
    original = getattr(wandb.Run, "_detect_and_apply_job_inputs", None)
    if original and not hasattr(original, "spared"):

        def apply(run: Any) -> None:
            if "wandb.sdk.launch" in sys.modules:
                original(run)

        apply.spared = True  # type: ignore[attr-defined]
        wandb.Run._detect_and_apply_job_inputs = apply


def leave_in_time() -> None:
    """Lets the end of this process wait for W&B's own for `EXIT_SECONDS` at most, and say nothing of its errors.

    To be called when W&B's process has been started. It replaces what W&B does at the exit, which waits for ever; where
    the installed version lacks these names, nothing changes.
    """
    connection = _connection()
    if getattr(connection, "_cleanup", None) is None:
        return
    with suppress(Exception):
        connection._cleanup()
        if not _leaver.is_alive():
            _leaver.start()
            atexit.register(_leave)


def _leave() -> None:
    """Ends W&B's process in order, or else at once. No thread can be started when a process ends: it waits for this."""
    _leaving.set()
    _left.wait(EXIT_SECONDS)
    end_service()


def _tear_down_at_exit() -> None:
    _leaving.wait()
    tear_down()
    _left.set()


def tear_down() -> None:
    """Ends W&B's process in order, with what it knows of settings; where it cannot be reached, at once."""
    try:
        sys.modules["wandb"].teardown()
    except BaseException:  # also SystemExit, with which W&B passes on the exit code of its process
        end_service()


def forget_dead_service() -> None:
    """Lets W&B start a process of its own again where the one of an earlier run has ended."""
    if (process := _process()) is not None and process.poll() is not None:
        end_service()


_leaver = Thread(target=_tear_down_at_exit, name="end of wandb", daemon=True)


def _connection() -> Any:
    """W&B's connection to its own process; None where there is none."""
    module = sys.modules.get("wandb.sdk.wandb_setup")
    return getattr(getattr(module, "_singleton", None), "_connection", None)


def _process() -> Any:
    """W&B's own process, where this one has started it, else None."""
    return getattr(getattr(_connection(), "_proc", None), "_process", None)


def end_service() -> None:
    """Ends W&B's own process at once, so that the end of this one does not wait for it; its log stays on disk.

    W&B has no call for this: where the installed version lacks these names, nothing is done. A later run starts anew.
    """
    process = _process()
    with suppress(Exception):
        if process is not None:
            process.kill()
            process.wait(5)
            _connection()._cleanup()  # what W&B would do at the exit of this process
            os.environ.pop("WANDB_SERVICE", None)
            sys.modules["wandb.sdk.wandb_setup"]._singleton = None  # type: ignore[attr-defined]


def first_line(error: BaseException) -> str:
    """The first line of an error's message, without its full stop and without secrets."""
    return redacted((str(error).strip().splitlines() or [type(error).__name__])[0].rstrip("."))


def remember_unreachable() -> None:
    """Notes that the server does not answer, so that later runs of this process do not wait for it."""
    global _unreachable_until
    _unreachable_until = time.monotonic() + AGAIN_AFTER_SECONDS


def known_unreachable() -> bool:
    """Whether the server did not answer a run of this process in the last `AGAIN_AFTER_SECONDS`."""
    return time.monotonic() < _unreachable_until
