"""Whether a W&B server can be used, and with which key. Never a prompt."""

import netrc
import os
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from vae.errors import UserError

AGAIN_AFTER_SECONDS = 600.0
"""For how long the runs of a process do not wait again for a server that did not answer one of them."""
_unreachable_until = 0.0


def wandb_mode(mode: str) -> str:
    """The mode for W&B. `auto`: what WANDB_MODE says, else online where a key is configured, else offline."""
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
    """The server's address: the one that WANDB_BASE_URL names, else W&B's own."""
    return os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai")


def api(timeout_seconds: int = 15) -> Any:
    """W&B's client, once the server has accepted the key. Raises UserError without a key, or where none answers."""
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
    """The module `wandb`, set to print nothing: this package prints what a user needs to know, once.

    W&B's reports about its own errors are off unless WANDB_ERROR_REPORTING=true asks for them: they go to the same
    server, and delay the end of the process by 20 s where it hangs.
    """
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
    import wandb

    _spare_imports(wandb)
    wandb.setup(settings=wandb.Settings(silent=True))
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


def first_line(error: BaseException) -> str:
    """The first line of an error's message, without its full stop."""
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")


def remember_unreachable() -> None:
    """Notes that the server does not answer, so that later runs of this process do not wait for it."""
    global _unreachable_until
    _unreachable_until = time.monotonic() + AGAIN_AFTER_SECONDS


def known_unreachable() -> bool:
    """Whether the server did not answer a run of this process in the last `AGAIN_AFTER_SECONDS`."""
    return time.monotonic() < _unreachable_until
