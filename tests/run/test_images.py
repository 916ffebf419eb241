"""Moved images are found where they lie now, and other images than those of the run are refused, with both named."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from support import summary_of

from vae.cli import evaluate
from vae.data import loading

Vae = Callable[..., Any]
TINY = ("data=arrays", "data.path=images.npz", "data.batch_size=8", "model.hidden_size=4", "model.latent_size=2",
        "trainer.epochs=1", "tracking=none", "hydra.run.dir=run")  # fmt: skip
EVALUATE = ("run=run", "probes=false", "frechet=false", "pictures=false")


def images(seed: int = 0, n: int = 40, size: int = 8) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (n, size, size), dtype=np.uint8)


def save(pixels: NDArray[np.uint8], labels: NDArray[np.int64] | None = None, name: str = "images.npz") -> None:
    given = np.arange(len(pixels)) % 3 if labels is None else labels
    np.savez(name, images=pixels, labels=given)
    loading._splits.cache_clear()  # as in another process


def changed_pixel() -> NDArray[np.uint8]:
    pixels = images()
    pixels[7, 3, 3] ^= 1
    return pixels


OTHERS = {
    "one pixel": (changed_pixel, "36 test"),
    "one image more": (lambda: images(n=41), "33 train"),
    "another size": (lambda: images(size=9), "1x9x9"),
    "other images": (lambda: images(seed=1), "pixels"),
}


@pytest.mark.parametrize("how", OTHERS)
def test_other_images_are_refused_and_both_are_named(how: str, vae: Vae, tmp_path: Path) -> None:
    save(images())
    assert vae(*TINY).code == 0
    recorded = summary_of(tmp_path / "run")["data"]
    before = {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()}
    save(OTHERS[how][0]())
    for done in (vae("trainer.resume=run", "trainer.epochs=2"), vae(*EVALUATE, main=evaluate.main)):
        assert done.code == 2, done
        assert "run was trained on other images" in done.err
        assert f"pixels {recorded['pixels_sha256'][:12]}" in done.err
        there, now = (line.strip() for line in done.err.splitlines()[1:3])
        assert there != now
        assert (there.endswith("in the run"), now.endswith("now")) == (True, True)
    assert {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()} == before


def test_images_that_have_been_moved_are_found_where_they_lie_now(vae: Vae, tmp_path: Path) -> None:
    save(images())
    assert vae(*TINY).code == 0
    place = tmp_path / "Neue Daten, [2] = 50%"
    place.mkdir()
    shutil.move("images.npz", place / "images.npz")
    loading._splits.cache_clear()
    lost = vae(*EVALUATE, main=evaluate.main)
    assert lost.code == 2
    assert "data.path=... or data.root=... says where they lie now" in lost.err
    assert vae(*EVALUATE, f"data.path={place / 'images.npz'}", main=evaluate.main).code == 0
    shutil.move(place / "images.npz", "moved.npz")
    done = vae("trainer.resume=run", "trainer.epochs=2", "data.path=moved.npz")
    assert done.code == 0, done
    assert summary_of(tmp_path / "run")["epochs"] == 2


def test_labels_count_where_the_model_uses_them(vae: Vae, tmp_path: Path) -> None:
    save(images())
    assert vae(*TINY).code == 0
    assert vae(*TINY[:-1], "hydra.run.dir=conditional", "model.conditional=true").code == 0
    save(images(), labels=np.arange(40) % 3 // 2 + np.arange(40) % 2)
    assert vae("trainer.resume=run", "trainer.epochs=2").code == 0
    assert "labels" in vae("trainer.resume=conditional", "trainer.epochs=2").err


def test_a_place_that_the_data_do_not_have_is_refused(vae: Vae, tmp_path: Path) -> None:
    assert vae("data=digits", *TINY[2:]).code == 0
    refused = vae(*EVALUATE, "data.path=there", main=evaluate.main)
    assert refused.code == 2
    assert "data.path: the data of this run, data=digits, have no such key" in refused.err
