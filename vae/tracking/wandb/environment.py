"""What W&B's variables and settings files say, and which of them it cannot use.

What is asked for on the command line or in YAML comes first, then the variables, then the settings files that
`wandb login`, `wandb offline` and `wandb disabled` write, then the defaults.
"""

import configparser
import netrc
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any
from urllib.parse import urlsplit

from vae.tracking.wandb.addresses import has_login, is_secret, redacted

MODES = {"dryrun": "offline", "run": "online"}
"""Older words for a mode."""
HOSTS = ("api.wandb.ai", "api.forge.coreweave.com")
"""Hosts of W&B's own server."""
_IN_FILES = {"WANDB_MODE": "mode", "WANDB_BASE_URL": "base_url", "WANDB_PROJECT": "project", "WANDB_ENTITY": "entity"}
_OWN = {"WANDB_SERVICE", "WANDB_ERROR_REPORTING"}
"""Variables that are set in here: the first by W&B, so that its processes find each other."""
_MOST_SHOWN, _MOST_REASON = 60, 160
_FOLDERS = {
    "WANDB_CACHE_DIR": "~/.cache/wandb",
    "WANDB_DATA_DIR": "~/.local/share/wandb",
    "WANDB_CONFIG_DIR": "~/.config/wandb",
}
"""Folders that W&B writes into, by their variables."""
_left_out: dict[str, str] = {}
"""Variables that were taken out of this process's environment -> why."""
_ignored: set[Path] = set()
"""Settings files that W&B cannot use."""


def said(variable: str) -> str | None:
    """The value of a W&B variable, or of its key in the settings files; None where neither has one."""
    value = os.environ.get(variable, "").strip()
    return value or _in_files().get(_IN_FILES.get(variable, ""), "").strip() or None


def wandb_mode(mode: str) -> str:
    """The mode for W&B: online, offline, disabled, or another word, which W&B refuses.

    `auto`: what WANDB_MODE or `wandb offline` and `wandb disabled` say, else online where there is a key, else offline.
    """
    if mode != "auto":
        return mode
    wanted = said("WANDB_MODE")
    return MODES.get(wanted, wanted) if wanted else "online" if has_key() else "offline"


def has_key() -> bool:
    """Whether W&B would find a key for its server: in the environment or in a netrc file."""
    if os.environ.get("WANDB_API_KEY") or os.environ.get("WANDB_IDENTITY_TOKEN_FILE"):
        return True
    try:
        host = urlsplit(base_url()).netloc
    except ValueError:
        return False
    for path in (os.environ.get("NETRC"), "~/.netrc", "~/_netrc"):
        try:
            file = Path(path).expanduser() if path else None
            if file and file.is_file():
                known = netrc.netrc(str(file))
                return any(known.authenticators(name) for name in (HOSTS if host in HOSTS else (host,)))
        except (netrc.NetrcParseError, OSError, RuntimeError, UnicodeDecodeError):  # RuntimeError: no home
            return False
    return False


def base_url() -> str:
    """The server's address: the one that WANDB_BASE_URL or `wandb login --host` names, else W&B's own."""
    return said("WANDB_BASE_URL") or f"https://{HOSTS[0]}"


def give_folders(instead: Path) -> None:
    """Lets W&B write below `instead` where its own folders, which are in the user's home, cannot be written."""
    for variable, usual in _FOLDERS.items():
        if not os.environ.get(variable) and _reason(partial(_write_into, usual)):
            os.environ[variable] = str(instead / variable.removeprefix("WANDB_").removesuffix("_DIR").lower())


def _write_into(folder: str) -> None:
    """Raises OSError, or RuntimeError without a home, if nothing can be written there."""
    path = Path(folder).expanduser()
    path.mkdir(parents=True, exist_ok=True)
    with TemporaryFile(dir=path):
        pass


def problems(wandb: Any) -> list[str]:
    """What W&B cannot use of its variables and settings files, in words, without secrets. An empty variable is none.

    Such variables are taken out of this process's environment, because W&B fails on one of them as a whole. They stay
    known: what they meant, such as another server, is not to be guessed by a later run.
    """
    _ignored.clear()
    for name in [name for name in os.environ if name.startswith("WANDB_") and name not in _OWN]:
        _left_out.pop(name, None)
        value = os.environ[name]
        if not value.strip():  # as scripts leave one that they do not need
            del os.environ[name]
        elif reason := _refusal(wandb, name, value):
            _left_out[name] = f"{name}={_shown(name, value)} is not valid ({reason})"
            del os.environ[name]
    return [*_left_out.values(), *_unusable_files(wandb)]


def leave_out_all(reason: str) -> str | None:
    """Takes all of W&B's variables out, where each seems valid but W&B does not start.

    Returns what to say; None where there are no variables, so that another start would fail, too.
    """
    names = sorted(name for name in os.environ if name.startswith("WANDB_") and name not in {*_OWN, *_FOLDERS})
    if not names:
        return None
    for name in names:
        del os.environ[name]
    problem = f"it does not start with {', '.join(names)} ({reason})"
    _left_out[", ".join(names)] = problem
    return problem


def _refusal(wandb: Any, name: str, value: str) -> str | None:
    """Why W&B refuses a variable; None if it does not."""
    if name == "WANDB_API_KEY":
        from wandb.sdk.lib.wbauth import validation

        return _reason(lambda: _raise(validation.check_api_key(value)))
    if name in ("WANDB_BASE_URL", "WANDB_APP_URL"):
        if has_login(value):
            return "an address with a password in it; W&B takes a key, in WANDB_API_KEY"
        from wandb.sdk.lib.wbauth.host_url import HostUrl

        if refused := _reason(lambda: HostUrl(value)):
            return refused
    if name in _FOLDERS and (unwritten := _reason(lambda: _write_into(value))):
        return unwritten
    if name == "WANDB_IDENTITY_TOKEN_FILE" and (unread := _reason(lambda: Path(value).read_text(encoding="utf-8"))):
        return unread  # W&B's own process would end
    return _reason(lambda: wandb.Settings().update_from_env_vars({name: value}))


def _raise(problem: str | None) -> None:
    if problem:
        raise ValueError(problem)


def _reason(attempt: Callable[[], object]) -> str | None:
    """Why an attempt failed, in one line; None if it did not."""
    try:
        attempt()
    except Exception as error:
        details = getattr(error, "errors", None)  # pydantic's, whose text is several lines, with the value in them
        text = details()[0]["msg"] if callable(details) and details() else str(error)
        text = error.strerror or text if isinstance(error, OSError) else text  # which names no file again
        line = (text.splitlines() or [type(error).__name__])[0].removeprefix("Value error, ").rstrip(".")
        return redacted(line if len(line) <= _MOST_REASON else f"{line[:_MOST_REASON]}...")
    return None


def _shown(name: str, value: str) -> str:
    """The value of a variable as it may be printed."""
    if is_secret(name) or has_login(value):
        return "***"
    line = "".join(character if character.isprintable() else "?" for character in value)
    return line if len(line) <= _MOST_SHOWN else f"{line[:_MOST_SHOWN]}..."


def _unusable_files(wandb: Any) -> Iterator[str]:
    """What W&B cannot use of its settings files: it ignores such a file as a whole."""
    for path in _files():
        try:
            values = _read(path)
        except (OSError, configparser.Error, UnicodeDecodeError) as error:
            _ignored.add(path)
            yield f"{path} cannot be read ({str(error).splitlines()[0]})"
            continue
        for key, value in values.items():
            if key in wandb.Settings.model_fields and key not in ("ignore_globs", "anonymous"):
                name = f"WANDB_{key.upper()}"
                if (reason := _refusal(wandb, name, value)) and not os.environ.get(name):
                    _ignored.add(path)
                    yield f"{path}: {key} = {_shown(name, value)} is not valid ({reason})"


def _in_files() -> dict[str, str]:
    """The settings in W&B's files; those in the working directory count more than those of the user."""
    found: dict[str, str] = {}
    for path in _files():
        if path in _ignored:
            continue
        try:
            found |= _read(path)
        except (OSError, configparser.Error, UnicodeDecodeError):
            continue
    return found


def _read(path: Path) -> dict[str, str]:
    parser = configparser.ConfigParser()
    parser.read_string(path.read_text(encoding="utf-8"))
    return dict(parser.items("default")) if parser.has_section("default") else {}


def _files() -> list[Path]:
    """W&B's settings files that exist: the user's, then that of the working directory."""
    own = ".wandb" if Path(".wandb").exists() else "wandb"
    found = []
    for folder in (os.environ.get("WANDB_CONFIG_DIR") or "~/.config/wandb", own):
        try:
            path = Path(folder).expanduser() / "settings"
            if path.is_file():
                found.append(path)
        except (OSError, RuntimeError):  # no home, or it cannot be entered
            continue
    return found
