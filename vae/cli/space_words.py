"""The search space as it may be typed: `hydra.sweeper.params={...}`, and one key of it."""

from collections.abc import Iterator

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from vae.config.quoting import override
from vae.nested import bare
from vae.sweep.space.rows import ZIP

_PARAMS = "hydra.sweeper.params"
_OPENING, _CLOSING = "([{", ")]}"


def is_space(argument: str) -> bool:
    """Whether an override is of `hydra.sweeper.params`, or of one key of it, or of a key that is zipped with others."""
    key = bare(argument.partition("=")[0])
    return key == _PARAMS or key.startswith((f"{_PARAMS}.", f"{ZIP}."))


def as_space(argument: str) -> list[str]:
    """An override of `hydra.sweeper.params` or of one key of `hydra.sweeper.zip`, as those of a multirun that mean the
    same; any other as it is.

    A key of the space has dots in it, which Hydra would take for levels of the config; and a function such as
    `range(2,5)` within `{...}` is not a value for OmegaConf. `null`, and `~`, take a key out of an inherited space.

    >>> as_space("hydra.sweeper.params={model.latent_size:range(2,5),optimizer.lr:null}")
    ['model.latent_size=range(2,5)', '++hydra.sweeper.params={optimizer.lr:null}']
    >>> as_space("~hydra.sweeper.params.optimizer.lr"), as_space("hydra.sweeper.params.seed='1,2'"), as_space("seed=1")
    (['++hydra.sweeper.params={optimizer.lr:null}'], ['seed=1,2'], ['seed=1'])
    >>> as_space("hydra.sweeper.zip.optimizer.lr=[1e-3,1e-2]")
    ['++hydra.sweeper.zip={optimizer.lr:[1e-3,1e-2]}']
    """
    name, equals, value = argument.partition("=")
    key = bare(name)
    if key.startswith(f"{ZIP}.") and equals:
        return [f"++{ZIP}={{{key.removeprefix(f'{ZIP}.')}:{value}}}"]
    if key.startswith(f"{_PARAMS}."):
        found = {key.removeprefix(f"{_PARAMS}."): "null" if name.startswith("~") else value}
    elif key == _PARAMS and equals and value.startswith("{") and value.endswith("}"):
        found = {item.partition(":")[0].strip(): item.partition(":")[2].strip() for item in _items(value[1:-1])}
    else:
        return [argument]
    return [_entry(key, text) for key, text in found.items()]


def _entry(key: str, text: str) -> str:
    try:
        value = OverridesParser.create().parse_override(f"{key}={text}").value()
    except HydraException:
        return f"{key}={text}"  # which Hydra refuses, and says why
    if value is None:
        return f"++{_PARAMS}={{{key}:null}}"
    if isinstance(value, str) and value != text:  # quoted, as in YAML: what reads as a sweep is one
        try:
            if OverridesParser.create().parse_override(f"{key}={value}").is_sweep_override():
                return f"{key}={value}"
        except HydraException:
            return override(key, value)
    return f"{key}={text}"


def _items(text: str) -> Iterator[str]:
    """The items between the outermost commas."""
    depth, quote, item = 0, "", ""
    for character in text:
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        depth += (character in _OPENING) - (character in _CLOSING) if not quote else 0
        if character == "," and not depth and not quote:
            yield item
            item = ""
        else:
            item += character
    if item.strip():
        yield item
