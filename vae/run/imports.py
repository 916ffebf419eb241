"""How a command imports torch."""

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from vae.sweep.execution.cores import crowded_environment


@contextmanager
def quick_imports() -> Iterator[None]:
    """A block that imports torch, in a process that is a command's own; nothing else happens where torch is there.

    Python's search for garbage is off in the block: each one looks at all objects, of which torch makes a million that
    stay. At its end they are frozen: later searches, of which the end of a process has several, leave them out. Beside
    other runs on the same cores torch's threads are told not to wait for each other for long.
    """
    if "torch" in sys.modules:
        yield
        return
    os.environ.update(crowded_environment())
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
