"""A user's own model: what it is given, and what its factory may get wrong."""

import sys
import textwrap

import pytest
import torch
from lab import option
from support import ROOT
from torch import nn

from vae import models
from vae.errors import UserError

OWN = """
    from torch import nn
    from vae import VAE

    def good(latent_size, *, image_shape, width=8, **parts):
        encoder = nn.Sequential(nn.Flatten(), nn.Linear(64, width), nn.ReLU(), nn.Linear(width, 2 * latent_size))
        decoder = nn.Sequential(nn.Linear(latent_size, 64), nn.Unflatten(1, image_shape))
        return VAE(latent_size, image_shape=image_shape, encoder=encoder, decoder=decoder, **parts)

    def not_a_vae(latent_size, **parts):
        return nn.Linear(2, 2)

    def no_likelihood(latent_size, image_shape):
        return None

    def narrow(latent_size, *, image_shape, **parts):
        return VAE(
            latent_size, image_shape=image_shape,
            encoder=nn.Sequential(nn.Flatten(), nn.Linear(64, latent_size)),
            decoder=nn.Linear(latent_size, 64), **parts)

    def fails(latent_size, **parts):
        raise KeyError("widths")

    def forgets(latent_size, *, image_shape, likelihood, prior, n_labels):
        return VAE(latent_size, image_shape=image_shape, likelihood=likelihood)

    def always_seven(latent_size, *, image_shape, **parts):
        return VAE(7, image_shape=image_shape, **parts)

    class Wrong(nn.Module):
        def forward(self, x):
            return x.nothing_of_that_name

    def breaks(latent_size, *, image_shape, **parts):
        return VAE(latent_size, image_shape=image_shape, encoder=Wrong(), decoder=nn.Linear(4, 64), **parts)

    def two_tensors(latent_size, *, image_shape, **parts):
        class Two(nn.Module):
            def forward(self, z):
                return z, z
        good_one = good(latent_size, image_shape=image_shape, **parts)
        good_one.decoder = Two()
        return good_one

    def misfit(latent_size, *, image_shape, **parts):
        return VAE(latent_size, image_shape=image_shape,
                   encoder=nn.Sequential(nn.Flatten(), nn.Linear(3, 2 * latent_size)), decoder=nn.Identity(), **parts)
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    (tmp_path / "own_models.py").write_text(textwrap.dedent(OWN))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "own_models", raising=False)

    def build(name, prior=None, **settings):
        settings = option("model", f"own_models:{name}", latent_size=4, **settings)
        return models.build(settings, image_shape=(1, 8, 8), prior=prior)

    return build


def test_a_users_own_model(own):
    model = own("good", parameters={"width": 5})
    assert isinstance(model.encoder[1], nn.Linear)
    assert model.encoder[1].out_features == 5
    assert model.sample(3).shape == (3, 1, 8, 8)
    assert model.training


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("absent", r"own_models:absent could not be imported .*Expected my_package.module:factory"),
        ("not_a_vae", r"must return a vae.VAE .* but it returned Linear"),
        ("no_likelihood", r"was called with latent_size, image_shape, likelihood, prior, n_labels, and raised"),
        ("narrow", r"its encoder must return mu and log sigma\^2, .* of shape \(2, 4\) .* but it is \(2, 2\)"),
        ("misfit", r"its encoder fails on two images"),
        ("fails", r"raised KeyError: 'widths' \(own_models.py, line 23\)\. Expected: a vae.VAE"),
        ("forgets", r"was given prior=Vamp, but its model has a StandardNormal of its own\. Pass `prior` on"),
        ("always_seven", r"was given latent_size=4, but its model has 7"),
        ("breaks", r"its encoder fails .* no attribute 'nothing_of_that_name' \(own_models.py, line 33\)"),
        ("two_tensors", r"its decoder fails on two images|its decoder must return logits .* but it is tuple"),
    ],
)
def test_mistakes_in_a_users_factory_are_explained(own, name, message):
    with pytest.raises(UserError, match=message):
        own(name, prior=option("prior", "vamp", pseudo_inputs=3))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere.models:make", "No module named 'nowhere'"),
        ("broken_syntax:make", r"SyntaxError: .*\(broken_syntax.py, line 1\)"),
        ("broken_import:make", r"RuntimeError: not today \(broken_import.py, line 2\)"),
        (":make", "ValueError: Empty module name\\)"),
    ],
)
def test_a_module_that_cannot_be_imported(tmp_path, monkeypatch, name, message):
    (tmp_path / "broken_syntax.py").write_text("def make(:")
    (tmp_path / "broken_import.py").write_text("\nraise RuntimeError('not today')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UserError, match=rf"model.name: {name} could not be imported \({message}"):
        models.build(option("model", name), image_shape=(1, 8, 8))


def test_the_documented_model_works_as_written(tmp_path, monkeypatch):
    text = (ROOT / "docs" / "YOUR_MODEL.md").read_text()
    code = text.split('```python title="my_models.py"\n')[1].split("```")[0]
    (tmp_path / "my_models.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    settings = option("model", "my_models:deep", latent_size=3, parameters={"width": 16})
    model = models.build(settings, image_shape=(1, 9, 7))
    assert model.sample(4).shape == (4, 1, 9, 7)
    assert len(code.splitlines()) < 30
    with torch.device("meta"):  # as the check before a run does
        models.build(settings, image_shape=(1, 9, 7))
