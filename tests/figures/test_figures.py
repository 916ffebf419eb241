"""Pictures: each pixel of an image in its place, each value of a chart where its labels say, each word inside."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import ImageDraw

from vae import figures
from vae.figures import canvas, charts, sheets
from vae.figures.canvas import Canvas
from vae.figures.charts import Axes, ticks


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, tuple[float, float, float, float], Canvas]]:
    """Words that are put on a canvas, with the box that they fill."""
    found = []

    def words(
        self: Canvas, x: float, y: float, text: str, anchor: str = "ls", size: int = canvas.NORMAL, *_: str
    ) -> None:
        box = ImageDraw.Draw(self.image()).textbbox((x, y), text, font=canvas.font(size), anchor=anchor)
        found.append((text, box, self))

    monkeypatch.setattr(Canvas, "words", words)
    return found


@pytest.mark.parametrize("channels", [1, 3])
def test_a_sheet_holds_every_image_in_its_place(channels: int) -> None:
    images = torch.arange(5).view(5, 1, 1, 1).expand(5, channels, 2, 3) / 10
    sheet = sheets.tile(images, columns=3)
    assert sheet.shape == (5, 11, channels)
    for i in range(5):
        top, left = (i // 3) * 3, (i % 3) * 4
        assert np.allclose(sheet[top : top + 2, left : left + 3], i / 10)
    assert (sheet[3:, 8:] == 1).all()  # the empty cell
    assert (sheet[:, 3] == 1).all()  # the line between


@pytest.mark.parametrize("channels", [1, 3])
def test_a_picture_shows_the_images_pixel_by_pixel(channels: int) -> None:
    images = torch.rand(4, channels, 28, 28)
    drawn = np.asarray(figures.samples(images)).astype(float) / 255
    first = drawn[30 : 30 + 56 : 2, 8 : 8 + 56 : 2].transpose(2, 0, 1)  # twice as large, below the title
    np.testing.assert_allclose(first, images[0].expand(3, 28, 28), atol=0.5 / 255 + 1e-6)


@pytest.mark.parametrize("n", [1, 2, 7, 64])
def test_pictures_of_any_number_of_images_are_drawn(n: int, written: list) -> None:
    images = torch.rand(n, 1, 8, 8)
    for picture in (figures.samples(images), figures.reconstructions(images, images)):
        assert np.asarray(picture.convert("L")).std() > 10
    assert {"samples from the prior", "original", "decoded"} <= {text for text, *_ in written}
    _all_inside(written)


def test_curves_say_what_they_are_in_which_unit(written: list) -> None:
    history = [
        {"epoch": e, "train/elbo": -100.0 / e, "train/rate": 20.0, "train/distortion": 80.0} for e in range(1, 4)
    ]
    history[1] |= {"val/elbo": -60.0, "val/rate": 21.0, "val/distortion": 39.0}
    figures.curves(history, best_epoch=2)
    words = [text for text, *_ in written]
    assert words.count("nats per image") == words.count("epoch") == 3
    assert {"ELBO", "training", "validation", "best, epoch 2"} <= set(words)
    assert [text.split(",")[0] for text in charts.PANELS.values()] == ["ELBO", "rate", "distortion"]


@pytest.mark.parametrize("epochs", [0, 1, 2, 30])
def test_curves_of_any_length_have_whole_epochs_and_words_inside_the_picture(epochs: int, written: list) -> None:
    history = [{"epoch": e, "train/elbo": -1251.35 - 10 / e} for e in range(1, epochs + 1)]
    figures.curves(history, best_epoch=min(1, epochs))
    _all_inside(written)
    below = [text for text, (_, top, *_), _ in written if top > 285 and text != "epoch"]
    assert len(below) >= 6
    assert all(text.lstrip("-").isdigit() for text in below)


@pytest.mark.parametrize("n", [1, 5, 60])
def test_rates_have_their_sentence_and_a_bar_for_each_dimension(n: int, written: list) -> None:
    sentence = (
        "Partial collapse: a few of many latent dimensions are active, and this goes on for more than one line of text."
    )
    picture = charts.rates([float(i) for i in range(n)], [i > 1 for i in range(n)], sentence, "test images")
    assert sentence == " ".join(text for text, *_ in written[: len(canvas.wrap_words(sentence, 760))])
    _all_inside(written)
    assert ({"z0"} <= {text for text, *_ in written}) == (n <= charts.NAMED_DIMENSIONS)
    colours = {tuple(pixel) for pixel in np.asarray(picture).reshape(-1, 3)}
    assert (_rgb(charts.ACTIVE) in colours) == (n > 2)


@pytest.mark.parametrize("classes", [None, 3, 15, 50])
def test_a_plane_has_a_colour_for_each_class(classes: int | None, written: list) -> None:
    points = np.random.default_rng(0).normal(size=(200, 2)).astype(np.float32)
    labels = None if classes is None else np.arange(200) % classes
    picture = charts.scatter(points, labels, "a plane")
    named = {text for text, box, _ in written if box[0] > 460} - {"a plane"}  # to the right of the frame
    assert named == ({str(c) for c in range(classes)} if classes and classes <= charts.NAMED_CLASSES else set())
    _all_inside(written)
    assert len(np.unique(np.asarray(picture).reshape(-1, 3), axis=0)) > 4 * (classes or 1)


def test_points_that_are_all_the_same_are_drawn() -> None:
    assert np.asarray(charts.scatter(np.zeros((9, 2), np.float32), None, "")).min() < 200


def test_a_value_is_drawn_where_the_labels_say() -> None:
    paper = Canvas(300, 200)
    axes = Axes(paper, (10, 20, 290, 190), (0, 10), (-1, 3), "x")
    (left, bottom), (right, top), (across, down) = axes.place([(0, -1), (10, 3), (2.5, 1)]).tolist()
    assert (right, top) == (290, 20)
    assert (across - left) / (right - left) == pytest.approx(0.25)
    assert (bottom - down) / (bottom - top) == pytest.approx(0.5)
    paper.line(axes.place([(0, 1), (10, 1)]), charts.BEST, width=3)
    paper.dots(axes.place([(2.5, 2)]), charts.ACTIVE, radius=4)
    pixels = np.asarray(paper.image())
    assert tuple(pixels[round(down), round(across)]) == _rgb(charts.BEST)
    x, y = axes.place([(2.5, 2)])[0].round().astype(int)
    assert tuple(pixels[y, x]) == _rgb(charts.ACTIVE)


@given(low=st.floats(-1e6, 1e6), size=st.floats(1e-3, 1e6), whole=st.booleans())
def test_ticks_are_a_few_round_numbers_with_labels_that_tell_them_apart(low: float, size: float, whole: bool) -> None:
    size = max(size, 2.0) if whole else max(size, abs(low) * 1e-6)
    found = ticks(low, low + size, whole=whole)
    assert 2 <= len(found) <= 6
    values = np.array(list(found))
    assert (values >= low - 1e-6 * size).all()
    assert (values <= low + size * (1 + 1e-6)).all()
    np.testing.assert_allclose(np.diff(values), values[1] - values[0], rtol=1e-3)
    assert [float(label) for label in found.values()] == pytest.approx(values.tolist())
    assert len(set(found.values())) == len(found)
    assert not whole or all(float(value).is_integer() for value in found)


def _rgb(colour: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(colour[1:]))


def _all_inside(written: list) -> None:
    for text, (left, top, right, bottom), paper in written:
        assert left >= 0, text
        assert top >= 0, text
        assert right <= paper.width, text
        assert bottom <= paper.height, text
