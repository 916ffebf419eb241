"""`selection`: by which validation figure a run is judged, from epoch to epoch and at its end."""

import re
from dataclasses import dataclass

from vae.errors import UserError

AUTO, ELBO, BOUND = "auto", "val/elbo", "val/iwae_k50"
EPOCH_SAMPLES = 5
"""Samples of the bound after an epoch: on a tenth of the images they cost about a seventh of the epoch."""
MOST_SAMPLES = 10_000
_NOT_SELECTED = ("val/rate", "val/distortion")
_BOUND = re.compile(r"val/iwae_k([1-9]\d{0,8})")


@dataclass(frozen=True)
class Selection:
    """What selects: the ELBO, or the importance-weighted bound with `samples` samples.

    Burda et al. (2016), https://arxiv.org/abs/1509.00519: E[log 1/k sum_j w_j] rises with k from the ELBO to
    log p(x). Every model's is a bound on the same number, whatever the model was trained to maximise, so that it
    compares objectives; the ELBO favours those that maximise the ELBO.
    """

    samples: int | None = None
    """k at the end of the run; None: the ELBO, or `own`."""
    own: str | None = None
    """A metric of a user's own, which a callback logs, `val/mine`; higher is better."""

    @property
    def name(self) -> str:
        """The figure that the run returns, and a sweep ranks."""
        return self.own or (ELBO if self.samples is None else f"val/iwae_k{self.samples}")

    @property
    def epoch_samples(self) -> int | None:
        """k after an epoch, which has to stay cheap."""
        return None if self.samples is None else min(self.samples, EPOCH_SAMPLES)

    @property
    def of_epochs(self) -> str:
        """The figure that chooses the epoch, stops early, and is compared by a pruner."""
        return self.own or (ELBO if self.samples is None else f"val/iwae_k{self.epoch_samples}")


def parse_selection(value: object, may_be_own: bool = False) -> Selection:
    """What a value of `selection` asks for; `may_be_own`: whether there are callbacks that log. Raises UserError.

    >>> parse_selection("val/iwae_k50").of_epochs, parse_selection("auto").name
    ('val/iwae_k5', 'val/elbo')
    """
    if value in (AUTO, ELBO):
        return Selection()
    found = _BOUND.fullmatch(str(value))
    if found and int(found[1]) <= MOST_SAMPLES:
        return Selection(int(found[1]))
    if may_be_own and re.fullmatch(r"val/(?!iwae_k)\w[\w.-]*", str(value)) and value not in _NOT_SELECTED:
        return Selection(own=str(value))
    raise UserError(
        f"selection must be {ELBO}, val/iwae_kN (the importance-weighted bound with N samples, 1 to {MOST_SAMPLES:,}) "
        f"or {AUTO}, but it is {value!r}. A metric of your own, val/NAME, needs a callback that logs it."
    )
