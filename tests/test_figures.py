import io

import numpy as np
import pytest
import torch
from PIL import Image

from vae import figures


@pytest.mark.parametrize("channels", [1, 3])
def test_a_sheet_holds_every_image_in_its_place(channels: int) -> None:
    images = torch.arange(5).view(5, 1, 1, 1).expand(5, channels, 2, 3) / 10
    sheet = figures.tile(images, columns=3)
    assert sheet.shape == (5, 11, channels)
    for i in range(5):
        top, left = (i // 3) * 3, (i % 3) * 4
        assert np.allclose(sheet[top : top + 2, left : left + 3], i / 10)
    assert (sheet[3:, 8:] == 1).all()  # the empty cell
    assert (sheet[:, 3] == 1).all()  # the line between


@pytest.mark.parametrize("n", [1, 2, 7, 64])
def test_pictures_of_any_number_of_images_are_drawn(n: int) -> None:
    images = torch.rand(n, 1, 8, 8)
    for figure in (figures.samples(images), figures.reconstructions(images, images)):
        buffer = io.BytesIO()
        figure.savefig(buffer)
        with Image.open(buffer) as picture:
            assert np.asarray(picture.convert("L")).std() > 10


def test_curves_say_what_they_are_in_which_unit() -> None:
    history = [
        {"epoch": e, "train/elbo": -100.0 / e, "train/rate": 20.0, "train/distortion": 80.0} for e in range(1, 4)
    ]
    history[1] |= {"val/elbo": -60.0, "val/rate": 21.0, "val/distortion": 39.0}
    figure = figures.curves(history, best_epoch=2)
    assert [ax.get_ylabel() for ax in figure.axes] == ["nats per image"] * 3
    assert [ax.get_title().split(",")[0] for ax in figure.axes] == ["ELBO", "rate", "distortion"]
    lines = {line.get_label(): line for line in figure.axes[0].lines}
    assert list(lines["training"].get_ydata()) == [-100, -50, -100 / 3]
    assert list(lines["validation"].get_xdata()) == [2]
    assert "best, epoch 2" in lines
    assert figures.curves([], best_epoch=0).axes


@pytest.mark.parametrize("epochs", [1, 2, 30])
def test_curves_of_any_length_have_whole_epochs_and_labels_inside_the_picture(epochs: int) -> None:
    history = [{"epoch": e, "train/elbo": -1251.35 - 10 / e} for e in range(1, epochs + 1)]
    figure = figures.curves(history, best_epoch=1)
    figure.draw_without_rendering()
    left = figure.axes[0]
    assert all(float(tick).is_integer() for tick in left.get_xticks())
    assert left.yaxis.get_tightbbox().x0 >= 0
