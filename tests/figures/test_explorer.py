"""The latent explorer: a decoder as data is the decoder, or it is drawn beforehand; the page is one text."""

import base64
import json
import re

import numpy as np
import pytest
import torch
from explored import LIVE, SHAPE, images, lively, mlp, unknown
from torch import nn

from vae import VAE
from vae.config.schema import DataConfig, EvaluationConfig, ModelConfig, RunConfig
from vae.figures.embeddings import pca, principal_axes
from vae.figures.explorer import drawing
from vae.figures.explorer.atlas import shown_count, sprite, survey
from vae.figures.explorer.drawing import drawing_of, extent, grey_level_error, grid_points
from vae.figures.explorer.network import UnportableError, export_network
from vae.figures.explorer.page import explorer_page
from vae.figures.explorer.rerun import run_network
from vae.run import explorer
from vae.run.explorer import write_explorer


def data_of(page: str) -> dict:
    (text,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)
    return json.loads(text)


@pytest.mark.parametrize("name", LIVE)
def test_a_decoder_as_data_is_the_decoder(name: str) -> None:
    torch.manual_seed(0)
    model = lively(LIVE[name]())
    z, y = torch.randn(20, model.latent_size), model.labels_in_turn(20, torch.device("cpu"))
    inputs = z if y is None else torch.cat([z, model.one_hot(y)], 1)
    with torch.no_grad():
        expected = model.decode_logits(z, y).flatten(1)
        torch.testing.assert_close(run_network(export_network(model), inputs), expected, atol=1e-4, rtol=1e-5)


def test_the_weights_of_the_page_are_those_of_the_network_in_half_precision() -> None:
    model = lively(mlp())
    network, made = export_network(model), drawing_of(model, survey(model, images()))
    stored = np.frombuffer(base64.b64decode(made.weights), "<f2")
    np.testing.assert_array_equal(stored, network.weights.half().numpy())
    assert made.description["bits"] == 16
    assert made.description["error"] < 0.5


def test_weights_that_half_precision_changes_too_much_are_kept_in_single() -> None:
    """A number and its negative, both too large for their difference to be seen in half precision."""
    model = VAE(2, 8, image_shape=SHAPE)
    first, last = model.decoder[0], model.decoder[2]
    with torch.no_grad():
        first.weight.fill_(0), first.bias.fill_(1)
        last.weight.fill_(0), last.bias.fill_(-1000)
        last.weight[:, 0] = 1000.4
    atlas = survey(model.eval(), images())
    made = drawing_of(model, atlas)
    assert made.description["bits"] == 32
    assert made.description["error"] < 0.01


def subclassed() -> VAE:
    class Brighter(VAE):
        def decode(self, z, y=None):
            return super().decode(z, y).sqrt()

    return Brighter(3, 8, image_shape=SHAPE)


def hooked() -> VAE:
    model = VAE(3, 8, image_shape=SHAPE)
    model.decoder[0].register_forward_hook(lambda module, given, out: out + 1)
    return model


def grouped() -> VAE:
    decoder = nn.Sequential(
        nn.Linear(3, 128), nn.Unflatten(1, (2, 8, 8)), nn.Conv2d(2, 2, 1, groups=2), nn.Conv2d(2, 1, 1)
    )
    return VAE(3, image_shape=SHAPE, encoder=nn.Sequential(nn.Flatten(), nn.Linear(64, 6)), decoder=decoder)


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (unknown, "the page knows no layer Unknown"),
        (subclassed, "Brighter decodes in a way of its own"),
        (hooked, "has a hook"),
        (grouped, "has groups"),
    ],
)
def test_what_the_page_cannot_run_is_drawn_beforehand_and_says_why(make, why: str) -> None:
    model = make().eval()
    with pytest.raises(UnportableError, match=why):
        export_network(model)
    made = drawing_of(model, survey(model, images()))
    assert why in made.description["why"]
    assert made.description["grid"]["sprite"]["count"] == made.description["grid"]["side"] ** 2
    assert made.weights == ""


def test_a_list_that_would_draw_something_else_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """The network is compared with the model itself: a layer that was misunderstood would be seen."""
    model = lively(mlp())
    monkeypatch.setattr(drawing, "run_network", lambda network, x: torch.zeros(len(x), 64))
    made = drawing_of(model, survey(model, images()))
    assert "differs by" in made.description["why"]


def test_a_decoder_with_too_many_weights_is_drawn_beforehand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "MOST_WEIGHTS", 100)
    model = mlp().eval()
    assert "too many for a page" in drawing_of(model, survey(model, images())).description["why"]


def test_the_error_is_that_of_the_pictures() -> None:
    model = lively(mlp())
    atlas = survey(model, images())
    assert grey_level_error(model, export_network(model), atlas) < 1e-3
    with torch.no_grad():
        model.decoder[-2].bias += 100  # after the export: every pixel is white
        network = export_network(lively(mlp()))
        assert grey_level_error(model, network, atlas) > 100


@pytest.mark.parametrize("latent_size", [1, 2, 5])
def test_a_cell_of_the_grid_lies_where_the_plane_has_it_and_like_the_dots_nearby(latent_size: int) -> None:
    model = mlp(latent_size=latent_size).eval()
    atlas = survey(model, images())
    z = grid_points(atlas, 9)
    flat = (z - atlas.centre) @ atlas.axes.T
    low, high = extent(((atlas.means.numpy() - atlas.centre) @ atlas.axes.T)[:, 0])
    shares = (np.arange(9) + 0.5) / 9
    np.testing.assert_allclose(flat[:, 0].reshape(9, 9), np.tile(low + shares * (high - low), (9, 1)), atol=1e-4)
    if latent_size > 1:
        assert (np.diff(flat[:, 1].reshape(9, 9)[:, 0]) < 0).all()  # row by row from the top
    away = (z - atlas.centre) - flat @ atlas.axes
    all_away = (atlas.means.numpy() - atlas.centre) @ (np.eye(latent_size) - atlas.axes.T @ atlas.axes)
    assert (away <= all_away.max(0) + 1e-4).all()
    assert (away >= all_away.min(0) - 1e-4).all()


def test_principal_axes_are_those_of_the_covariance() -> None:
    points = np.random.default_rng(0).standard_normal((200, 5)).astype(np.float32) @ np.diag([1, 5, 2, 1, 0.1])
    axes = principal_axes(points)
    np.testing.assert_allclose(axes.T @ axes, np.eye(2), atol=1e-9)
    spread = np.linalg.svd(points - points.mean(0), compute_uv=False)
    np.testing.assert_allclose(np.linalg.norm(pca(points), axis=0), spread[:2], rtol=1e-5)


def test_a_sprite_has_every_grey_level_and_larger_images_are_averaged() -> None:
    import io

    from PIL import Image

    def opened(record: dict) -> np.ndarray:
        return np.asarray(Image.open(io.BytesIO(base64.b64decode(record["url"].partition(",")[2]))))

    split = images(count=5)
    made = sprite(split.images)
    assert (made["columns"], made["height"], made["width"], made["count"]) == (3, 8, 8, 5)
    np.testing.assert_array_equal(opened(made)[8:16, 8:16], split.images[4, 0].numpy())
    large = sprite(torch.full((4, 3, 80, 40), 200, dtype=torch.uint8))
    assert (large["height"], large["width"]) == (40, 20)
    assert opened(large).shape == (80, 40, 3)
    assert shown_count(torch.empty(5000, 1, 28, 28)) == 1000 > shown_count(torch.empty(5000, 3, 64, 64)) > 100


@pytest.mark.parametrize(("labels", "size"), [(True, 1), (False, 2), (True, 5)])
def test_the_page_is_one_text_with_what_it_shows(labels: bool, size: int) -> None:
    page = explorer_page(mlp(latent_size=size), images(labels=labels), "<b>a & b</b>")
    data = data_of(page)
    assert "&lt;b&gt;a &amp; b&lt;/b&gt;" in page
    assert "<b>a" not in page
    assert not re.search(r"\{\{|(src|href)=\"(?!data:)|https?://", page)
    assert (data["size"], data["count"], len(data["axes"])) == (size, 40, min(size, 2))
    assert data["classes"] == (["0", "1", "2"] if labels else None)
    assert data["decoder"]["layers"]


def test_names_of_classes_cannot_end_the_script() -> None:
    split = images()
    split = type(split)(split.images, split.labels, ("</script><script>", "{{ weights }}", "ä"))
    page = explorer_page(mlp(), split, "{{ scripts }}")
    assert data_of(page)["classes"] == ["</script><script>", "{{ weights }}", "ä"]
    assert "<h1>{{ scripts }}</h1>" in page


def test_a_conditional_grid_has_a_picture_for_each_label_and_cell() -> None:
    model = unknown(labels=3).eval()
    grid = drawing_of(model, survey(model, images())).description["grid"]
    assert grid["labels"] == 3
    assert grid["sprite"]["count"] == 3 * grid["side"] ** 2


def test_a_large_page_is_only_written_where_it_is_asked_for(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explorer, "MOST_BYTES", 10)
    config = RunConfig(data=DataConfig(name="digits"), model=ModelConfig())
    for wanted, is_written in (("auto", False), ("always", True)):
        config.evaluation = EvaluationConfig(explorer=wanted)
        path = tmp_path / f"{wanted}.html"
        written = write_explorer(mlp(), images(), path, config, "test images")
        assert path.exists() == is_written == (written == path)


def test_what_is_not_known_is_not_a_subclass_either() -> None:
    class Doubled(nn.Linear):
        def forward(self, x):
            return 2 * super().forward(x)

    model = VAE(3, 8, image_shape=SHAPE)
    model.decoder[0] = Doubled(3, 8)
    with pytest.raises(UnportableError, match="Doubled"):
        export_network(model)
