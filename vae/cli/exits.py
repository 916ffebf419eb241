"""How a command ends: one message, an exit code, and no traceback that nobody asked for."""

import os
import sys
from typing import Any, NoReturn

INTERRUPTED = 130
WANTS_TRACEBACK = os.environ.get("HYDRA_FULL_ERROR", "0") not in ("0", "")


def fail(error: Exception) -> NoReturn:
    """One message, an exit code that is not 0, and a traceback only for those who ask for it."""
    if WANTS_TRACEBACK:
        raise error
    print(error, file=sys.stderr)
    sys.exit(getattr(error, "exit_code", 1))


def _terminate(signum: int, frame: Any) -> NoReturn:
    """SIGTERM (a scheduler's preemption) ends a run as cleanly as Ctrl-C."""
    raise KeyboardInterrupt
