"""Rewrites Hydra's and OmegaConf's errors about a config: what is wrong, where, and what is allowed."""

import re

from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf import DictConfig
from omegaconf.errors import (
    ConfigAttributeError,
    ConfigKeyError,
    MissingMandatoryValue,
    OmegaConfBaseException,
    ValidationError,
)

from vae.config import one_of
from vae.errors import UserError

CONFIG_ERRORS = (HydraException, OmegaConfBaseException)
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
        if not re.search(r"[=~]", str(error.override)):
            return UserError(f"{error.override}: expected KEY=VALUE. python -m vae --help lists groups and keys.")
        return UserError(f"{error.override}: {str(error).splitlines()[0]}. Quotes or brackets may be missing.")
    return UserError(str(error))


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
    chosen = parent._get_node("name") if "name" in known else None
    where = f"{group}={chosen}" if chosen is not None else group or "The config"
    return UserError(f"{cause.full_key}: no such key. {one_of(name, known, f'{where} has')}")


def _wrong_type(cause: ValidationError, message: str) -> UserError:
    override = re.search(r"override (\S+)", message)
    where = override.group(1) if override else cause.full_key
    kind = re.search(r"could not be converted to (\w+)|is not a valid (\w+)", str(cause))
    if "is not Optional" in str(cause):
        return UserError(f"{where}: {cause.full_key} must not be null.")
    if kind is None:
        return UserError(f"{where}: {str(cause).splitlines()[0]}.")
    name = kind.group(1) or kind.group(2)
    return UserError(f"{where}: {cause.full_key} must be {KINDS.get(name, name)}.")
