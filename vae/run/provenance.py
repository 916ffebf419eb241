"""Where a result came from: commit, versions, machine."""

import os
import platform
import subprocess
import sys
from functools import cache
from importlib.metadata import version
from pathlib import Path

LIBRARIES = ("torch", "hydra-core", "numpy")


@cache
def git_state() -> dict[str, str | bool]:
    """Commit of the checkout around the working directory, and whether it has uncommitted changes; {} outside one."""
    try:
        commit = _git("rev-parse", "HEAD")
        return {"git_commit": commit, "git_dirty": bool(_git("status", "--porcelain", "--untracked-files=no"))}
    except (OSError, subprocess.SubprocessError):
        return {}


def machine_facts() -> dict[str, str]:
    """The machine, and the versions of Python and of the libraries that influence a result."""
    versions = {name: version(name) for name in LIBRARIES}
    return {"python": platform.python_version(), **versions, "host": platform.node(), "processor": processor()}


@cache
def processor() -> str:
    """The processor's name as the system reports it, and the number of cores that this process may use."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count()
    return f"{names[0] if names else platform.machine()}, {cores} cores"


def _git(*arguments: str) -> str:
    command = ["git", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=5).stdout.strip()
