"""Whether there is a W&B server to talk to, and with which key. Never a prompt."""

import netrc
import os
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from vae.errors import UserError

AGAIN_AFTER_SECONDS = 600.0
"""A server that did not answer one run is not waited for again, by runs of the same process, for so long."""
_unreachable_until = 0.0


def wandb_mode(mode: str) -> str:
    """`auto`: what WANDB_MODE says, else online where a key is configured, else offline. Never a prompt."""
    if mode != "auto":
        return mode
    return os.environ.get("WANDB_MODE") or ("online" if has_key() else "offline")


def has_key() -> bool:
    """Whether W&B would find a key for its server: in the environment or in a netrc file."""
    if os.environ.get("WANDB_API_KEY") or os.environ.get("WANDB_IDENTITY_TOKEN_FILE"):
        return True
    host = urlparse(base_url()).hostname or ""
    for path in (os.environ.get("NETRC"), "~/.netrc", "~/_netrc"):
        file = Path(path).expanduser() if path else None
        if file and file.is_file():
            try:
                return netrc.netrc(str(file)).authenticators(host) is not None
            except (netrc.NetrcParseError, OSError):
                return False
    return False


def base_url() -> str:
    """The server: W&B's own, or the one that WANDB_BASE_URL names."""
    return os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai")


def api(timeout_seconds: int = 15) -> Any:
    """W&B's client, its key accepted by the server. Raises UserError without a key, or where no server answers."""
    if not has_key():
        raise UserError(f"W&B: there is no key for {base_url()}. Set WANDB_API_KEY, or run `wandb login`.")
    wandb = quiet()
    try:
        return wandb.Api(timeout=timeout_seconds)
    except (wandb.errors.Error, ValueError) as error:
        raise UserError(
            f"W&B: {base_url()} does not answer, or refuses the key ({first_line(error)}). "
            "Nothing is lost: the runs are on disk, and the report needs no server."
        ) from error


def quiet() -> Any:
    """The module `wandb`, told to print nothing: what a person should know is said here, once.

    Its reports about its own errors go to the same server and hold up the end of the process for 20 s when that hangs:
    they are off, unless WANDB_ERROR_REPORTING=true asks for them.
    """
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
    import wandb

    _spare_imports(wandb)
    wandb.setup(settings=wandb.Settings(silent=True))
    return wandb


def _spare_imports(wandb: Any) -> None:
    """Keeps W&B from importing what it would only find unused: 0.7 s and 60 MB of each process that has a run.

    One is pandas, to see whether a picture is a data frame: without it, W&B looks at the name of the type. The other is
    its package for Launch, to see whether inputs of a job were declared: that package alone can declare them.
    Where another version of W&B lacks these names, nothing changes.
    """
    if hasattr(wandb.util, "pd_available"):
        wandb.util.pd_available = False
    found = getattr(wandb.Run, "_detect_and_apply_job_inputs", None)
    if found and not hasattr(found, "spared"):

        def apply(run: Any) -> None:
            if "wandb.sdk.launch" in sys.modules:
                found(run)

        apply.spared = True  # type: ignore[attr-defined]
        wandb.Run._detect_and_apply_job_inputs = apply


def first_line(error: BaseException) -> str:
    """What an error says, without what follows its first line."""
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")


def remember_unreachable() -> None:
    """Later runs of this process need not find out again, at once, that the server is gone."""
    global _unreachable_until
    _unreachable_until = time.monotonic() + AGAIN_AFTER_SECONDS


def known_unreachable() -> bool:
    """Whether the server failed a run of this process a short while ago."""
    return time.monotonic() < _unreachable_until
