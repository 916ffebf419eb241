"""Rewrites Hydra's and OmegaConf's errors about a config: what is wrong, where, and what is allowed."""

import re
from typing import Any

from hydra.errors import MissingConfigException, OverrideParseException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import (
    ConfigAttributeError,
    ConfigKeyError,
    InterpolationResolutionError,
    MissingMandatoryValue,
    OmegaConfBaseException,
    ValidationError,
)

from vae.config import elsewhere, one_of
from vae.errors import UserError
from vae.nested import flatten
from vae.sweep.space.rows import LIST, ZIP

KINDS = {"Integer": "a whole number", "Float": "a number", "bool": "true or false"}


def explain(error: Exception) -> UserError:
    """One of CONFIG_ERRORS as a UserError that names the dotted key, the choices, and the choice nearest to it."""
    cause = error.__cause__ if isinstance(error.__cause__, OmegaConfBaseException) else error
    if isinstance(error, MissingConfigException):
        return _missing_option(error)
    if isinstance(cause, ConfigAttributeError | ConfigKeyError):
        return _unknown_key(cause)
    if isinstance(cause, MissingMandatoryValue):
        return UserError(f"{str(cause).splitlines()[0].rpartition(' ')[2]}: a value is missing.")
    if isinstance(cause, ValidationError):
        return _wrong_type(cause, str(error))
    if isinstance(error, OverrideParseException):
        return _unreadable(error)
    if isinstance(error, InterpolationResolutionError):
        return _unresolved(error)
    deleted = re.fullmatch(r"Error merging override (~\S+)", str(error))
    if deleted:
        return UserError(
            f"{deleted[1]}: a key of the config cannot be taken away. Leave it out, and it has its default."
        )
    return UserError(_without_places(error))


def _without_places(error: Exception) -> str:
    r"""What an error says, without OmegaConf's lines about the types of nodes; its cause, where it says nothing itself.

    >>> _without_places(ValueError("no such thing\n    full_key: \n    object_type=RunConfig"))
    'no such thing'
    """
    lines = [
        line for line in str(error).splitlines() if not re.match(r"\s+(full_key|object_type|reference_type)", line)
    ]
    if str(error).startswith("Error merging override") and error.__cause__ is not None:
        lines = [f"{str(error).rpartition(' ')[2]}: {str(error.__cause__).splitlines()[0]}"]
    return "\n".join(lines)


def _unreadable(error: OverrideParseException) -> UserError:
    if not re.search(r"[=~]", str(error.override)):
        return UserError(f"{error.override}: expected KEY=VALUE. python -m vae --help lists groups and keys.")
    first, *more = str(error).splitlines()
    reason = more[0] if first.startswith("Error parsing override") and more else first
    return UserError(f"{error.override}: {reason.rstrip('.')}. Quotes or brackets may be missing.")


def _unresolved(error: InterpolationResolutionError) -> UserError:
    if missing := re.search(r"Missing mandatory value: ([\w.]+?)\.?$", str(error), re.M):
        return UserError(f"{missing[1]}: a value is missing.")
    variable = re.search(r"Environment variable '(.*)' not found", str(error))
    reason = _without_places(error).rstrip(".")
    if variable:
        reason = (
            f"the environment variable {variable[1]} is not set. Set it, or say what holds where it is not: "
            f"${{oc.env:{variable[1]},null}}"
        )
    return UserError(f"{error.full_key or 'The config'}: {reason}.")


def _missing_option(error: MissingConfigException) -> UserError:
    path, options = str(error.missing_cfg_file or ""), [str(option) for option in error.options or ()]
    group, _, option = path.rpartition("/")
    if not group:
        return UserError(str(error).split("\nConfig search path")[0].strip())
    return UserError(f"{group}={option}: no such option. {one_of(option, options)}")


def _unknown_key(cause: ConfigAttributeError | ConfigKeyError) -> UserError:
    parent = cause.parent_node
    name = str(cause.key)
    if not isinstance(parent, DictConfig):
        return UserError(f"{cause.full_key}: no such key.")
    known = [str(key) for key in parent if key != "hydra"]
    group = str(cause.full_key).rpartition(".")[0]
    if group == "hydra.sweeper" and "n_trials" not in known and cause.full_key not in (LIST, ZIP):
        return UserError(
            f"sweep.{name}: a setting of a search, and this command has none. "
            "-m sweep=NAME begins one, for example -m sweep=tpe."
        )
    if cause.full_key in (LIST, ZIP):
        return UserError(
            f"sweep.{name}: this command's sweeper takes no list of jobs. -m sweep=list sweep.{name}=... runs one, "
            f"with every combination of what else has several values; -m sweep=tpe sweep.{name}=... searches beside it."
        )
    chosen = parent._get_node("name") if "name" in known else None
    where = f"{group}={chosen}" if chosen is not None else group or "The config"
    root: Any = OmegaConf.to_container(parent._get_root(), resolve=False)
    keys = flatten({group: tree for group, tree in root.items() if group != "hydra"})
    return UserError(
        f"{cause.full_key}: no such key. {one_of(name, known, f'{where} has')}{elsewhere(name, known, keys)}"
    )


def _wrong_type(cause: ValidationError, message: str) -> UserError:
    override = re.search(r"override (\S+)", message)
    where = override.group(1) if override else cause.full_key
    kind = re.search(r"could not be converted to (\w+)|is not a valid (\w+)", str(cause))
    if "is not Optional" in str(cause):
        return UserError(f"{where}: {cause.full_key} must not be null.")
    if "is not a ListConfig" in str(cause):
        return UserError(f"{where}: {cause.full_key} must be a list: {cause.full_key}=[a,b].")
    if kind is None:
        return UserError(f"{where}: {str(cause).splitlines()[0].rstrip('.')}.")
    name = kind.group(1) or kind.group(2)
    return UserError(f"{where}: {cause.full_key} must be {KINDS.get(name, name)}.")
