"""Which runs can be ranked by one figure: what makes their values measure the same thing."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from omegaconf import DictConfig, OmegaConf

from vae.config.selection import AUTO, BOUND, ELBO
from vae.errors import UserError
from vae.nested import flatten, settled, within

_NOT_THE_IMAGES = ("data.batch_size", "data.eval_batch_size", "data.train_images", "data.pixels", "data.root")
"""Keys of the data that leave the validation images as they are, or are compared by what they mean."""
_DRAWN_AS_BITS = ("dynamic", "static")
_DENSITIES = ("gaussian", "continuous_bernoulli")
_IMPORTANCE_WEIGHTED = ("iwae", "dreg")
_MEASURED_IN_NATS = ("elbo", "bce", "distortion", "loss", "bits_per_dim")
"""Metrics whose measure is that of the pixels; so are those that begin with `nll_` and `iwae_`."""


def value_measures(config: Mapping[str, Any]) -> dict[str, str]:
    """What the validation figure of a run is of, from its flat config: a key that decides it -> the fact in words.

    Figures of two runs can be compared where these agree.

    >>> value_measures({"likelihood.name": "bernoulli", "data.pixels": "grey"})["likelihood.name"]
    'a cross-entropy of grey pixels'
    """
    likelihood, pixels = str(config.get("likelihood.name")), config.get("data.pixels")
    binary = pixels in ("dynamic", "static", "threshold")
    if likelihood in _DENSITIES:
        measured = "a density"
    elif likelihood == "bernoulli" and not binary:
        measured = "a cross-entropy of grey pixels"
    elif likelihood in ("bernoulli", "discretised_logistic"):
        measured = "a probability"
    else:
        measured = f"what {likelihood} gives"
    shown = "pixels drawn as 0 or 1" if pixels in _DRAWN_AS_BITS else f"{pixels} pixels"
    images = {
        key: str(value)
        for key, value in config.items()
        if within(key, ("data",)) and not within(key, _NOT_THE_IMAGES) and value is not None
    }
    labels = "p(x|label)" if config.get("model.conditional") else "p(x)"
    return {"data.pixels": shown, "likelihood.name": measured, "model.conditional": labels, **images}


def why_not_comparable(configs: Sequence[Mapping[str, Any]]) -> str:
    """Why the values of runs with these flat configs are not of one thing: a clause; "" where they are."""
    keys = dict.fromkeys(key for config in configs for key in value_measures(config))
    for key in keys:
        facts: dict[str, str] = {}
        for config in configs:
            facts.setdefault(value_measures(config).get(key, "not there"), str(config.get(key, "not there")))
        if len(facts) > 1:
            parts = [
                f"the images of {key}={given}" if fact == given else f"{fact} ({key}={given})"
                for fact, given in facts.items()
            ]
            return f"{' and '.join(parts[:3])}{' and others' if len(parts) > 3 else ''}"
    return ""


def objectives_differ(configs: Iterable[Mapping[str, Any]]) -> bool:
    """Whether runs with these flat configs maximise different things, or one that is not the ELBO."""
    objectives = [{key: value for key, value in config.items() if within(key, ("objective",))} for config in configs]
    weighted = any(objective.get("objective.name") in _IMPORTANCE_WEIGHTED for objective in objectives)
    return weighted or any(objective != objectives[0] for objective in objectives)


def objectives_mixed(configs: Iterable[Mapping[str, Any]]) -> bool:
    """Whether some of these flat configs have an importance-weighted objective, and others do not."""
    return len({config.get("objective.name") in _IMPORTANCE_WEIGHTED for config in configs}) > 1


def compare(configs: Sequence[DictConfig], objectives: Sequence[str]) -> list[str]:
    """What makes the trials of a search comparable: overrides that each of them gets.

    Args:
        configs: of trials at the corners of the space, so that every choice is in one of them.
        objectives: the recorded metrics that are ranked; none: the value that a trial returns.

    Returns:
        The `selection` of all trials where it is `auto`: the ELBO, or in a search over objectives the bound.

    Raises:
        UserError: where the figures that would be ranked are not of one thing.
    """
    flat = [flatten(settled(OmegaConf.to_container(config, resolve=False))) for config in configs]  # type: ignore[arg-type]
    ranked = [name for name in objectives if _is_of_pixels(name)]
    if (ranked or not objectives) and (reason := why_not_comparable(flat)):
        raise UserError(
            f"this search would rank {', '.join(ranked) or 'validation figures'} of different things: {reason}. Search "
            "each alone; or train them as a plain grid (-m without sweep=...) and compare what they share, for example "
            "evaluation.probes=true evaluation.frechet=true."
        )
    selections = list(dict.fromkeys(str(config.get("selection", AUTO)) for config in flat))
    if len(selections) > 1:
        raise UserError(
            f"selection={','.join(selections)}: trials that are judged by different figures cannot be ranked. Give "
            "one, or leave it out."
        )
    if selections != [AUTO]:
        return []
    return [f"selection={BOUND if not objectives and objectives_differ(flat) else ELBO}"]


def _is_of_pixels(metric: str) -> bool:
    name = metric.rpartition("/")[2]
    return name in _MEASURED_IN_NATS or name.startswith(("nll_", "iwae_"))
