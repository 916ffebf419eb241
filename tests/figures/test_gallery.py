"""Pictures of the latent space: which are drawn for which model, and what they show."""

import numpy as np
import pytest
import torch

from vae import VAE, figures
from vae.data import Split
from vae.evaluation import by_activity, infer_posteriors
from vae.figures import embeddings, gallery

SHAPE = (1, 8, 8)


def images(n=40, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return Split(torch.randint(0, 2, (n, *SHAPE), generator=generator).to(torch.uint8) * 255, torch.arange(n) % 3)


def drawn(model, split=None):
    split = split or images()
    return dict(figures.latent_pictures(model, split, infer_posteriors(model, split), "test images"))


def small(latent_size=4, **settings):
    torch.manual_seed(0)
    return VAE(latent_size, 8, image_shape=SHAPE, **settings)


ALWAYS = {"latent_traversals", "latent_interpolations", "latent_rates"}


@pytest.mark.parametrize(
    ("model", "extra"),
    [
        (small(4), {"latent_pca", "latent_tsne"}),
        (small(2), {"latent_plane", "latent_tsne", "latent_manifold"}),
        (small(1), set()),
        (small(4, n_labels=3), {"latent_pca", "latent_tsne", "conditional_samples"}),
    ],
    ids=["many", "plane", "line", "conditional"],
)
def test_each_model_has_the_pictures_that_fit_it(model, extra):
    assert set(drawn(model)) == ALWAYS | extra


def test_pictures_without_labels_and_of_a_model_that_has_collapsed(monkeypatch):
    bare = Split(images().images)
    assert {"latent_pca", "latent_tsne"} < set(drawn(small(), bare))
    model = small()
    with torch.no_grad():
        model.encoder[-1].weight.zero_()
    said = []
    monkeypatch.setattr(gallery, "rates", lambda rates, active, sentence, images: said.append(sentence))
    assert "latent_tsne" not in drawn(model)
    assert "Posterior collapse" in said[0]


def test_embeddings_are_of_means_not_of_samples():
    model, split = small(2), images()
    plane = gallery.embed_means(infer_posteriors(model, split))["plane"]
    with torch.no_grad():
        mu, _ = model.eval().encode(split.images / 255)
    np.testing.assert_allclose(plane, mu.numpy(), rtol=1e-5)


def test_pca_finds_the_plane_in_which_points_lie():
    generator = np.random.default_rng(0)
    plane = generator.normal(size=(50, 2)) * [3, 1]
    basis, _ = np.linalg.qr(generator.normal(size=(6, 2)))
    found = embeddings.pca((plane @ basis.T).astype(np.float32))
    distances = [np.linalg.norm(p[:, None] - p[None], axis=-1) for p in (plane, found)]
    np.testing.assert_allclose(*distances, atol=1e-4)


def test_the_manifold_is_decoded_on_quantiles_from_top_left():
    asked = []
    model = small(2)
    model.decode = lambda z, y=None: asked.append(z) or torch.zeros(len(z), *SHAPE)
    gallery.manifold(model, side=3)
    (z,) = asked
    cumulative = torch.special.ndtr(z).view(3, 3, 2)
    torch.testing.assert_close(cumulative[0, :, 0], torch.tensor([1 / 6, 0.5, 5 / 6]))
    torch.testing.assert_close(cumulative[:, 0, 1], torch.tensor([5 / 6, 0.5, 1 / 6]))


def test_what_a_conditional_model_decodes_says_its_label(monkeypatch):
    split, said = images(), []
    monkeypatch.setattr(gallery, "sheet", lambda *given, **named: said.append([*given[2:], *named.values()]))
    model, named = small(4, n_labels=3), Split(split.images, split.labels, ("ant", "bee", "cat"))
    for each, first in ((split, "label 0"), (named, "label ant")):
        said.clear()
        gallery.interpolations(model, each, "test images")
        gallery.traversals(model, each, infer_posteriors(model, each), "test images")
        (_, rows, below), (title, *_) = said
        assert rows[0] == first
        assert len(rows) == gallery.INTERPOLATED_PAIRS
        assert "with the left one's label" in below
        assert first in title
    said.clear()
    gallery.interpolations(small(4), split, "test images")
    assert "label" not in str(said)


def test_traversals_move_one_dimension_and_interpolations_end_at_the_means():
    model, split = small(4), images()
    asked = []
    model.decode = lambda z, y=None: asked.append(z) or torch.zeros(len(z), *SHAPE)
    posteriors = infer_posteriors(model, split)
    gallery.traversals(model, split, posteriors, "test images", steps=5)
    rows = asked[0].view(4, 5, 4)
    for row, dim in zip(rows, by_activity(posteriors), strict=True):
        torch.testing.assert_close(row[:, dim], torch.linspace(-3, 3, 5))
        others = [d for d in range(4) if d != dim]
        torch.testing.assert_close(row[:, others], posteriors.mu[0, others].expand(5, 3))
    drawn = np.asarray(gallery.interpolations(model, split, "test images", steps=5).convert("L"))
    row = drawn[30:86:7, :]  # an image is seven times as large, below the title
    left = (drawn.shape[1] - 7 * (7 * 9 - 1)) // 2
    np.testing.assert_array_equal(row[:, left : left + 56 : 7], split.images[0, 0])  # the images themselves at the ends
    np.testing.assert_array_equal(row[:, left + 7 * 54 : left + 7 * 54 + 56 : 7], split.images[8, 0])
    lines = asked[1].view(8, 5, 4)
    torch.testing.assert_close(lines[:, 0], posteriors.mu[:8])
    torch.testing.assert_close(lines[:, -1], posteriors.mu[8:16])


def test_conditional_samples_have_a_row_for_each_label_and_share_z_in_a_column():
    model = small(4, n_labels=3)
    asked = []
    model.decode = lambda z, y: asked.append((z, y)) or torch.zeros(len(z), *SHAPE)
    gallery.conditional_samples(model, each=5)
    ((z, y),) = asked
    assert y.tolist() == [0] * 5 + [1] * 5 + [2] * 5
    torch.testing.assert_close(z[:5], z[10:])
