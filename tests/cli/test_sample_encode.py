"""vae-sample and vae-encode: what they write is what the model draws and encodes, and mistakes are named."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import vae as package
from vae.cli import encode, sample
from vae.config.schema import DataConfig
from vae.data import Split, load_splits, to_float
from vae.run.encoding import encode_images
from vae.run.sampling import BATCH, check_place, draw_images, folder_name, write_images

TINY = (
    "data=digits",
    "data.train_images=64",
    "model.hidden_size=8",
    "model.latent_size=3",
    "trainer.epochs=1",
    "trainer.precision=fp32",
    "tracking=none",
    "hydra.run.dir=run",
)
MISTAKES = [
    (sample.main, ["nowhere"], "nowhere"),
    (sample.main, ["run", "n=0"], "n must be at least 1, but it is 0"),
    (sample.main, ["run", "n=many"], "n must be a whole number, but it is many"),
    (sample.main, ["run", "lable=3"], "Did you mean label?"),
    (sample.main, ["run", "again"], "KEY=VALUE is expected here"),
    (sample.main, ["run", "label=11"], "There is no label '11'"),
    (sample.main, ["run", "to=taken.npz"], "this file is there already"),
    (sample.main, ["run", "to=nowhere/a.png"], "there is no folder nowhere"),
    (encode.main, ["run"], "a run and images are expected"),
    (encode.main, ["run", "tset"], "no such file or folder, and no split of the run (test, validation, train)"),
    (encode.main, ["run", "test", "to=a.txt"], "FILE.npz or FILE.csv is expected"),
    (encode.main, ["run", "other.npy"], "images of (C, H, W) = (1, 4, 4), but the run's are (1, 8, 8)"),
    (encode.main, ["run", "bare.npy"], "this model is conditional and needs labels"),
    (encode.main, ["run", "empty"], "vae-encode: no image"),
]


def test_a_conditional_run_is_sampled_and_encodes_and_mistakes_are_named(vae, tmp_path: Path) -> None:
    assert vae(*TINY, "model.conditional=true").code == 0
    model = package.load("run")
    assert vae("run", "n=12", "label=7", "seed=1", "to=sevens.npz", main=sample.main).code == 0
    with np.load("sevens.npz") as arrays:
        assert arrays["labels"].tolist() == ["7"] * 12
        expected = (255 * draw_images(model, 12, 1, "7").images).round().to(torch.uint8).numpy()
        np.testing.assert_array_equal(arrays["images"], expected)
    for place in ("sheet.png", "pictures", "all.npz"):
        assert vae("run", "n=20", f"to={place}", main=sample.main).out.endswith(f"20 images: {place}\n")
    assert sorted(path.name for path in (tmp_path / "pictures").iterdir()) == [str(k) for k in range(10)]
    for images, place in (("pictures", "a.npz"), ("all.npz", "b.csv"), ("test", "c.npz")):
        result = vae("run", images, f"to={place}", main=encode.main)
        assert result.code == 0, result
    with np.load("a.npz") as arrays, Path("b.csv").open(encoding="utf-8") as file:
        rows = {(row["label"], int(row["image"])): row for row in csv.DictReader(file)}
        for name, label, mu, logvar in zip(
            arrays["names"], arrays["labels"], arrays["mu"], arrays["logvar"], strict=True
        ):
            row = rows[str(label), int(Path(name).stem)]  # the same pixels, from pictures and from arrays
            np.testing.assert_allclose([float(row[f"mu_{k}"]) for k in range(3)], mu, rtol=1e-5, atol=1e-6)
            np.testing.assert_allclose([float(row[f"logvar_{k}"]) for k in range(3)], logvar, rtol=1e-5, atol=1e-6)
    test = load_splits(DataConfig(name="digits", train_images=64, batch_size=64)).test
    with np.load("c.npz") as arrays, torch.no_grad():
        np.testing.assert_allclose(arrays["mu"], model.encode(to_float(test.images), test.labels)[0], atol=1e-5)
    np.save("other.npy", np.zeros((2, 4, 4), np.uint8))
    np.save("bare.npy", np.zeros((2, 8, 8), np.uint8))
    Path("taken.npz").touch()
    Path("empty").mkdir()
    before = set(tmp_path.rglob("*"))
    for main, arguments, words in MISTAKES:
        result = vae(*arguments, main=main)
        assert (result.code in (2, 4), words in result.err) == (True, True), (arguments, result)
        assert "Traceback" not in result.err
    assert set(tmp_path.rglob("*")) == before


def test_the_seed_decides_the_images_and_their_number_does_not() -> None:
    torch.manual_seed(0)
    model = package.VAE(2, 8, image_shape=(1, 4, 4)).eval()
    many = draw_images(model, BATCH + 5, seed=3).images
    torch.testing.assert_close(draw_images(model, 7, seed=3).images, many[:7])
    assert not torch.allclose(draw_images(model, 7, seed=4).images, many[:7])
    assert len(many.flatten(1).unique(dim=0)) == BATCH + 5


def test_all_labels_come_in_turn_or_one_for_all() -> None:
    model = package.VAE(2, 8, image_shape=(1, 4, 4), n_labels=3).eval()
    model.classes = ("cat", "dog", "ox")
    drawn = draw_images(model, 5)
    assert [drawn.name_of(i) for i in range(5)] == ["cat", "dog", "ox", "cat", "dog"]
    assert draw_images(model, 2, label="ox").labels == [2, 2]


def test_colours_and_levels_are_kept_by_files(tmp_path: Path) -> None:
    model = package.VAE(2, 8, image_shape=(3, 4, 6)).eval()
    drawn = draw_images(model, 11)
    write_images(drawn, tmp_path / "out")
    files = sorted((tmp_path / "out").iterdir())
    assert [file.name for file in files] == [f"{i:02d}.png" for i in range(11)]
    expected = (255 * drawn.images[10]).round().to(torch.uint8).permute(1, 2, 0).numpy()
    np.testing.assert_array_equal(np.asarray(Image.open(files[10])), expected)
    with pytest.raises(package.errors.UserError, match="not empty"):
        check_place(tmp_path / "out")


@pytest.mark.parametrize("label", ["..", "/etc", "a/../../b", "."])
def test_no_label_leads_out_of_the_folder(label: str, tmp_path: Path) -> None:
    assert (tmp_path / folder_name(label)).resolve().is_relative_to(tmp_path)


def test_an_encoding_does_not_depend_on_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    model = package.VAE(2, 8, image_shape=(1, 4, 4)).eval()
    split = Split(torch.randint(0, 256, (10, 1, 4, 4), dtype=torch.uint8))
    whole = encode_images(model, split, [])
    monkeypatch.setattr("vae.run.encoding._BATCH", 3)
    torch.testing.assert_close(encode_images(model, split, []).mu, whole.mu)
