"""The second backend of the canvas: an SVG or a PDF shows what the PNG shows, at any size."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from vae import figures
from vae.data import Split
from vae.evaluation import infer_posteriors
from vae.figures import charts, gallery
from vae.figures.canvas import CANVAS
from vae.figures.vector import TIMES, enlarged, svg_of, write_vector
from vae.models import VAE

SVG = "{http://www.w3.org/2000/svg}"


def pictures() -> dict[str, Image.Image]:
    """One of every kind."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (40, 1, 8, 8), generator=generator).to(torch.uint8)
    split = Split(images, torch.arange(40) % 3, ("a<b", "größe", '"c" & d'))
    model = VAE(latent_size=2, hidden_size=8, image_shape=(1, 8, 8), n_labels=3).eval()
    wide = VAE(latent_size=5, hidden_size=8, image_shape=(1, 8, 8)).eval()
    history = [{"epoch": epoch, "train/elbo": -150.0 + epoch, "val/elbo": -140.0} for epoch in range(1, 5)]
    drawn = dict(figures.latent_pictures(model, split, infer_posteriors(model, split), "test images"))
    of_wide = dict(figures.latent_pictures(wide, split, infer_posteriors(wide, split), "test images"))
    return {**of_wide, **drawn, "curves": figures.curves(history, 3), "samples": figures.samples(model.sample(9), True)}


PICTURES = pictures()


@pytest.mark.parametrize("name", PICTURES)
def test_an_svg_has_every_word_and_shape_within_its_frame(name: str, tmp_path: Path) -> None:
    picture = PICTURES[name]
    write_vector(picture, tmp_path / "it.svg")
    root = ET.parse(tmp_path / "it.svg").getroot()
    width, height = picture.size
    assert root.get("viewBox") == f"0 0 {width} {height}"
    drawn = picture.info[CANVAS].drawn
    said = [given[2] for kind, given in drawn if kind == "words"]
    assert [element.text or "" for element in root.iter(f"{SVG}text")] == said
    points = sum(len(given[0]) for kind, given in drawn if kind == "dots")
    assert len(list(root.iter(f"{SVG}circle"))) == points
    assert len(list(root.iter(f"{SVG}polyline"))) == sum(kind == "line" for kind, _ in drawn)
    assert len(list(root.iter(f"{SVG}image"))) == sum(kind == "paste" for kind, _ in drawn)
    for circle in root.iter(f"{SVG}circle"):
        assert 0 <= float(circle.get("cx", -1)) <= width
        assert 0 <= float(circle.get("cy", -1)) <= height


@pytest.mark.parametrize("name", PICTURES)
def test_a_pdf_is_the_same_picture_in_more_pixels(name: str, tmp_path: Path) -> None:
    picture = PICTURES[name]
    large = enlarged(picture.info[CANVAS], TIMES)
    assert large.size == (picture.width * TIMES, picture.height * TIMES)
    small = np.asarray(large.reduce(TIMES).convert("L"), float)
    given = np.asarray(picture.convert("L"), float)
    assert np.abs(small - given).mean() < 6, "of 255: words differ at their edges"
    write_vector(picture, tmp_path / "it.pdf")
    content = (tmp_path / "it.pdf").read_bytes()
    assert content.startswith(b"%PDF")
    (box,) = re.findall(rb"/MediaBox \[ 0 0 ([\d.]+) ([\d.]+) \]", content)
    assert [round(float(side)) for side in box] == list(picture.size)


def test_axes_say_how_much_of_the_variance_they_explain() -> None:
    points = np.random.default_rng(0).normal(size=(4000, 3)).astype(np.float32) * [3, 2, 1]
    flat = gallery.EMBEDDINGS["pca"](points)
    said = [int(re.findall(r"(\d+)% of the variance", axis)[0]) for axis in gallery.axes_of("pca", flat, points)]
    assert said == pytest.approx([100 * 9 / 14, 100 * 4 / 14], abs=3)
    assert gallery.axes_of("plane", flat, points) == ("z0", "z1")
    words = [
        g[2] for kind, g in charts.scatter(flat, None, "", axes=("right", "up")).info[CANVAS].drawn if kind == "words"
    ]
    assert {"right", "up"} <= set(words)
    assert svg_of(charts.scatter(flat, None, "").info[CANVAS]).startswith("<svg ")
