"""What is about to run, composed and checked before Hydra makes a folder."""

from collections.abc import Sequence

from hydra import compose, initialize_config_dir

from vae import config
from vae.cli.train import MULTIRUN


def preflight(arguments: Sequence[str]) -> None:
    """Composes and checks what is about to run, so that a mistake leaves no folder behind.

    In a multirun each value of a plain grid is tried once, beside the first values of the other keys.
    Raises UserError; Hydra's own commands (--help, --cfg and the like) are left to Hydra.
    """
    if any(a.startswith("-") and a not in MULTIRUN for a in arguments):
        return
    overrides = [a for a in arguments if not a.startswith("-")]
    with initialize_config_dir(config.conf_dir(), version_base="1.3"):
        if MULTIRUN.isdisjoint(arguments):
            _check(overrides)
            return
        searches = any(a.startswith(("sweep=", "hydra/sweeper=")) for a in overrides)
        if searches:
            _check(corners(without_searched(overrides))[0])
            return
        for combination in corners(overrides):
            _check(combination)


def _check(overrides: Sequence[str]) -> None:
    cfg = compose("config", list(overrides))
    config.check(cfg)
    from vae.run.wiring import prepare

    prepare(cfg)


def without_searched(overrides: Sequence[str]) -> list[str]:
    """Without the values that a search sweeps: it checks its own corners, and knows where each key exists.

    Config groups stay: what is fixed must fit their first option.
    """
    from hydra.core.override_parser.overrides_parser import OverridesParser

    parsed = OverridesParser.create().parse_overrides(list(overrides))
    return [str(o.input_line) for o in parsed if not o.is_sweep_override() or "." not in o.get_key_element()]


def corners(overrides: Sequence[str]) -> list[list[str]]:
    """Plain sweeps (`a=1,2,3`) -> the first value of each, then each other value with the first of the rest."""
    from hydra.core.override_parser.overrides_parser import OverridesParser

    parsed = OverridesParser.create().parse_overrides(list(overrides))
    values = [
        [f"{o.get_key_element()}={v}" for v in o.sweep_string_iterator()] if o.is_discrete_sweep() else [o.input_line]
        for o in parsed
        if not o.is_sweep_override() or o.is_discrete_sweep()
    ]
    first = [str(v[0]) for v in values]
    rest = [[*first[:i], str(v), *first[i + 1 :]] for i, others in enumerate(values) for v in others[1:]]
    return [first, *rest]
