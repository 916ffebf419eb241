"""The bound on the NLL: against a known evidence, in passes of any size, and where there is none."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from lab import SHAPE, LinearGaussian, binary_split, small_vae
from torch.utils._python_dispatch import TorchDispatchMode

from vae import VAE
from vae.data import Split
from vae.errors import UserError
from vae.evaluation import averages, bounds, nll_bounds, why_no_likelihood
from vae.evaluation.speed import decoder_flops, matrix_rate
from vae.models import likelihoods


class Grey(LinearGaussian):
    """The linear-Gaussian model of one-row images of six pixels, of which a split holds grey levels."""


def grey_split(n=40):
    generator = torch.Generator().manual_seed(0)
    return Split(torch.randint(0, 256, (n, 1, 1, 6), generator=generator).to(torch.uint8))


def test_the_bound_approaches_the_exact_evidence_from_above():
    model, split = Grey(), grey_split()
    with torch.no_grad():
        exact = -model.log_evidence(split.images.double() / 255).mean().item()
    model.float()
    curve = list(nll_bounds(model, split, 5000))
    assert [b.k for b in curve] == [1, 10, 100, 1000, 5000]
    assert all(more.nll < fewer.nll + 0.02 for fewer, more in pairwise(curve))
    assert curve[0].nll > exact + 0.1
    assert curve[-1].nll == pytest.approx(exact, abs=0.05)


def test_at_the_exact_posterior_one_sample_is_the_evidence():
    model, split = Grey(), grey_split()
    model.set_posterior()
    with torch.no_grad():
        log_p = model.log_evidence(split.images.double() / 255)
    (one,) = nll_bounds(model.float(), split, 1)
    assert one.nll == pytest.approx(-log_p.mean().item(), abs=1e-4)
    assert one.error == pytest.approx(log_p.std().item() / math.sqrt(len(split)), rel=1e-4)


@pytest.mark.parametrize("n", [1, 60])
@pytest.mark.parametrize("k", [1, 13])
def test_no_chunk_size_changes_a_result(n, k):
    model, split = small_vae(), binary_split(n)
    results = [list(nll_bounds(model, split, k, rows=rows)) for rows in (1, 7, 59, 60, 61, 10_000)]
    for other in results[1:]:
        np.testing.assert_allclose(np.array(other), np.array(results[0]), rtol=1e-6)


class Largest(TorchDispatchMode):
    """The largest tensor that any operation returns."""

    numbers = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        tensors = [t for t in (out if isinstance(out, tuple | list) else (out,)) if isinstance(t, torch.Tensor)]
        self.numbers = max(self.numbers, *(t.numel() for t in tensors), 0)
        return out


@pytest.mark.parametrize("rows", [16, 200])
def test_memory_does_not_grow_with_the_number_of_samples(rows):
    peaks = []
    for k in (10, 1000):
        with Largest() as largest:
            list(nll_bounds(small_vae(), binary_split(40), k, rows=rows))
        peaks.append(largest.numbers)
    assert peaks[0] == peaks[1] <= max(rows * 64, 40 * 64, 16 * 64)


def test_more_samples_begin_with_the_same_ones():
    model, split = small_vae(), binary_split()
    few, many = (list(nll_bounds(model, split, k)) for k in (10, 40))
    np.testing.assert_allclose(few, many[:2], rtol=1e-6)


def test_progress_is_told_every_pair_once():
    told = []
    list(nll_bounds(small_vae(), binary_split(50), 23, rows=70, advance=told.append))
    assert sum(told) == 50 * 23


@pytest.mark.parametrize("k", [0, -1])
def test_no_samples_are_refused(k):
    with pytest.raises(UserError, match=f"at least 1 sample, but it is {k}"):
        list(nll_bounds(small_vae(), binary_split(), k))


def named(values):
    """The names of figures, each of which has its standard error beside it."""
    names = {name for name, _ in values}
    figures = {name for name in names if not name.endswith("_standard_error")}
    assert names == figures | {f"{name}_standard_error" for name in figures}
    return figures


def test_grey_pixels_under_a_bernoulli_have_a_bce_and_no_nll():
    grey = Split(torch.full((5, *SHAPE), 100, dtype=torch.uint8))
    with pytest.raises(UserError, match="no likelihood, only a cross-entropy"):
        list(nll_bounds(small_vae(), grey, 1))
    assert named(averages(small_vae(), grey)) == {"bce", "rate"}
    assert named(averages(small_vae(), binary_split())) == {"elbo", "distortion", "rate"}
    honest = small_vae(likelihood=likelihoods.ContinuousBernoulli())
    assert why_no_likelihood(honest, grey) is None


def test_flops_of_the_classic_decoder_and_rows_that_fit():
    model = VAE(20, 400)
    assert decoder_flops(model) == 2 * (20 * 400 + 400 * 784)
    assert matrix_rate(torch.device("cpu"), size=64, seconds=0.01) > 1e6
    rows = bounds.rows_that_fit(model, torch.device("cpu"))
    assert rows * 4 * 784 * 4 < bounds.CACHE_BYTES
    wide = VAE(20, 40_000, decoder=None)
    assert bounds.rows_that_fit(wide, torch.device("cpu")) < rows
