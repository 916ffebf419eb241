import gzip
import hashlib
import shutil
import struct
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from vae import data
from vae.config import settings_of
from vae.data import loading
from vae.data.batches import Batches
from vae.data.pixels import to_float
from vae.data.sources import idx
from vae.data.sources.embedded import load_digits
from vae.data.splits import Splits
from vae.errors import StorageError, UserError


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees or writes the user's data sets, nor what another test has read."""
    monkeypatch.setattr(idx, "cache_dir", lambda: tmp_path / "cache")
    loading._splits.cache_clear()


def load(name: str, **settings: Any) -> Splits:
    settings = {"batch_size": 10, "root": None, **settings}
    return data.load_splits(settings_of("data", {"name": name, **settings}))


def hashes(split: data.Split) -> set[str]:
    return {hashlib.sha256(image.numpy().tobytes()).hexdigest() for image in split.images}


class SilentFiles(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def write_idx(path: Path, array: np.ndarray[Any, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    code = {"uint8": 8, "int32": 12}[str(array.dtype)]
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, code, array.ndim, *array.shape)
    path.write_bytes(header + array.astype(array.dtype.newbyteorder(">")).tobytes())


def write_set(root: Path, name: str, split: str = "balanced", n: int = 40) -> tuple[Any, Any]:
    """A small data set in the layout of its published files."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (n, 28, 28), dtype=np.uint8)
    labels = rng.integers(0, 10, (n, 8) if name == "qmnist" else n).astype("i4" if name == "qmnist" else "u1")
    files = idx.idx_set(name, split)
    for i, file in enumerate(files.files()):
        write_idx(root / files.torchvision_class / "raw" / file, labels if i % 2 else images)
    return images, labels


def test_every_label_of_the_letters_is_one_that_images_have(tmp_path: Path) -> None:
    """Published from 1 to 26: a conditional model would draw a label 0 that it was never trained on."""
    _, labels = write_set(tmp_path, "emnist", "letters", n=52)
    letters = (np.arange(52) % 26 + 1).astype("u1")
    files = idx.idx_set("emnist", "letters")
    for file in files.files()[1::2]:
        write_idx(tmp_path / "EMNIST" / "raw" / file, letters)
    source = idx.load_idx("emnist", root=str(tmp_path), split="letters")
    assert source.train.labels is not None
    assert source.train.labels.unique().tolist() == list(range(26))
    assert len(labels) == 52


def test_the_digits_are_those_of_scikit_learn() -> None:
    datasets = pytest.importorskip("sklearn.datasets")
    images, labels = datasets.load_digits(return_X_y=True)
    own = load_digits().train
    assert torch.equal(own.images.flatten(1).double(), torch.from_numpy(images * 255 / 16).round())
    assert own.labels is not None
    assert torch.equal(own.labels, torch.from_numpy(labels))


@pytest.mark.parametrize(("name", "total", "size"), [("mnist_5k", 5000, 28), ("digits", 1797, 8)])
def test_embedded_sets_are_whole_and_their_parts_do_not_overlap(name: str, total: int, size: int) -> None:
    splits = load(name, validation=100)
    parts = (splits.train, splits.validation, splits.test)
    assert sum(map(len, parts)) == total
    assert len(splits.validation) == 100
    assert splits.image_shape == (1, size, size)
    assert all(part.images.dtype == torch.uint8 and part.images.max() == 255 for part in parts)
    assert all(part.labels is not None and set(part.labels.tolist()) == set(range(10)) for part in parts)
    assert not hashes(splits.validation) & hashes(splits.test)


def test_the_parts_are_the_same_for_each_run_and_another_seed_draws_others() -> None:
    one, two, other = (load("digits", split_seed=seed) for seed in (0, 0, 1))
    assert torch.equal(one.validation.images, two.validation.images)
    assert not torch.equal(one.validation.images, other.validation.images)


@pytest.mark.parametrize("name", idx.IDX_NAMES)
def test_the_mnist_family_is_read_where_it_lies_and_never_written_to(name: str, tmp_path: Path) -> None:
    root = tmp_path / "data"
    images, labels = write_set(root, name)
    before = {p: p.stat().st_mtime_ns for p in root.rglob("*")}
    settings = {"split": "balanced"} if name == "emnist" else {}
    if name in ("mnist", "fashion_mnist"):  # the published files are known: these are not they
        with pytest.raises(StorageError, match=r"train-images-idx3-ubyte is damaged: SHA-256 \w{64}, expected \w{64}"):
            load(name, root=str(root), validation="test")
        return
    splits = load(name, root=str(root), validation="test", **settings)
    expected = images.swapaxes(1, 2) if name == "emnist" else images
    assert np.array_equal(splits.train.images[:, 0].numpy(), expected)
    assert splits.train.labels is not None
    assert splits.train.labels.tolist() == (labels[:, 0] if name == "qmnist" else labels).tolist()
    assert splits.validation is splits.test
    assert {p: p.stat().st_mtime_ns for p in root.rglob("*")} == before


def test_a_truncated_file_is_named_with_its_checksum(tmp_path: Path) -> None:
    write_set(tmp_path, "kmnist")
    file = tmp_path / "KMNIST" / "raw" / "t10k-images-idx3-ubyte"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(StorageError, match=rf"{file} is truncated: .* expected 31,376 \(SHA-256 \w{{64}}\)"):
        load("kmnist", root=str(tmp_path))


def test_a_changed_file_in_the_cache_is_found_by_the_sum_recorded_when_it_was_fetched(tmp_path: Path) -> None:
    write_set(tmp_path / "cache", "kmnist")
    raw = tmp_path / "cache" / "KMNIST" / "raw"
    file = raw / "train-labels-idx1-ubyte"
    (raw / "SHA256SUMS").write_text(f"{idx.sha256(file)}  {file.name}\n")
    load("kmnist")
    loading._splits.cache_clear()
    file.write_bytes(file.read_bytes()[:-1] + b"\xff")
    with pytest.raises(StorageError, match="train-labels-idx1-ubyte is damaged"):
        load("kmnist")


@pytest.mark.parametrize("content", [b"", b"\x00\x00", b"PNG and more", b"\0\0\x08\x03\0\0"])
def test_a_file_that_is_not_idx_is_refused(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.write_bytes(content)
    with pytest.raises(StorageError, match="not an IDX file|truncated"):
        idx.read_idx(file)


def test_without_files_and_network_the_message_says_how_to_get_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VAE_DATA", raising=False)
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr("socket.getaddrinfo", lambda *a, **k: (_ for _ in ()).throw(OSError("no name resolution")))
    with pytest.raises(UserError, match=r"could not be downloaded[\s\S]*VAE_DATA[\s\S]*data=mnist_5k, data=digits"):
        load("kmnist")
    assert not idx.cache_dir().exists()
    monkeypatch.setenv("VAE_DATA", "/some/where")
    with pytest.raises(UserError, match=r"kmnist is not in /some/where or .*\(<urlopen error no name resolution>\)"):
        load("kmnist")


def test_a_given_root_without_the_files_is_an_error_not_a_download(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"data.root=\S+ does not hold this data set"):
        load("mnist", root=str(tmp_path))


def test_fetching_verifies_through_torchvision_and_records_the_sums(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """torchvision's own download code, from a server on loopback."""
    from torchvision import datasets

    mirror = tmp_path / "mirror"
    write_set(mirror, "kmnist")
    resources = []
    for file in idx.idx_set("kmnist").files():
        packed = mirror / f"{file}.gz"
        with gzip.open(packed, "wb") as out:
            out.write((mirror / "KMNIST" / "raw" / file).read_bytes())
        resources.append((packed.name, hashlib.md5(packed.read_bytes()).hexdigest()))
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(SilentFiles, directory=str(mirror)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    request.addfinalizer(server.server_close)
    request.addfinalizer(server.shutdown)
    monkeypatch.setattr(datasets.KMNIST, "mirrors", [f"http://127.0.0.1:{server.server_port}/"])
    monkeypatch.setattr(datasets.KMNIST, "resources", resources)
    monkeypatch.delenv("VAE_DATA", raising=False)
    assert len(load("kmnist", validation="test").train) == 40
    recorded = idx.read_sums(tmp_path / "cache" / "KMNIST" / "raw")
    assert set(recorded) == set(idx.idx_set("kmnist").files())
    shutil.rmtree(tmp_path / "cache")
    loading._splits.cache_clear()
    monkeypatch.setattr(datasets.KMNIST, "resources", [(name, "0" * 32) for name, _ in resources])
    with pytest.raises(UserError, match=r"could not be downloaded \(File not found or corrupted\.\)"):
        load("kmnist")


# ---------------------------------------------------------------- a user's own images


@pytest.mark.parametrize(
    ("array", "shape"),
    [
        (np.full((50, 5, 7), 9, np.uint8), (1, 5, 7)),
        (np.full((50, 5, 7, 3), 9, np.uint8), (3, 5, 7)),
        (np.full((50, 3, 5, 7), 9, np.uint8), (3, 5, 7)),
        (np.full((50, 1, 5, 7), True), (1, 5, 7)),
        (np.full((50, 5, 7), 0.5), (1, 5, 7)),
    ],
    ids=lambda v: f"{v.dtype}-{v.shape}" if isinstance(v, np.ndarray) else "",
)
def test_arrays_of_every_layout_and_type(array: Any, shape: tuple[int, ...], tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", array)
    splits = load("arrays", path=str(tmp_path / "x.npy"))
    assert splits.image_shape == shape
    assert splits.train.labels is None
    assert splits.train.images[0, 0, 0, 0] == {"uint8": 9, "bool": 255, "float64": 128}[str(array.dtype)]


def test_an_npz_with_labels_and_a_test_part(tmp_path: Path) -> None:
    x = np.random.default_rng(0).integers(0, 256, (60, 4, 4), dtype=np.uint8)
    np.savez(tmp_path / "x.npz", images=x[:50], labels=np.arange(50), test_images=x[50:], test_labels=np.arange(10))
    splits = load("arrays", path=str(tmp_path / "x.npz"), validation=0.2)
    assert (len(splits.train), len(splits.validation), len(splits.test)) == (40, 10, 10)
    assert splits.train.labels is not None
    for image, label in zip(splits.train.images, splits.train.labels, strict=True):
        assert np.array_equal(image[0].numpy(), x[int(label)])


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"images": np.zeros((9, 4), np.uint8)}, r"must have the shape .* but it is \(9, 4\)"),
        ({"images": np.zeros((9, 4, 4, 4), np.uint8)}, r"must have the shape"),
        ({"images": np.zeros((0, 4, 4), np.uint8)}, r"must have the shape"),
        ({"images": np.zeros((9, 4, 4), np.int64)}, r"must be uint8, bool, or float in \[0, 1\], but it is int64"),
        ({"images": np.full((9, 4, 4), 2.5)}, r"floats must lie in \[0, 1\], but they span 2.5 to 2.5"),
        ({"images": np.full((9, 4, 4), np.nan)}, r"floats must lie in \[0, 1\]"),
        ({"x": np.zeros((9, 4, 4), np.uint8)}, r"no array named 'images'; it has: x"),
        ({"images": np.zeros((9, 4, 4), np.uint8), "labels": np.zeros(8, int)}, r"labels must be 9 integers"),
        ({"images": np.zeros((9, 4, 4), np.uint8), "labels": np.zeros(9)}, r"labels must be 9 integers.*float64"),
        ({"images": np.zeros((9, 4, 4), np.uint8), "labels": np.arange(9) - 2}, r"labels must be 0 or more.*-2"),
        (
            {"images": np.zeros((9, 4, 4), np.uint8), "test_images": np.zeros((9, 5, 5), np.uint8)},
            "images and test_images differ",
        ),
    ],
)
def test_a_wrong_array_file_is_refused_with_what_is_expected(arrays: Any, message: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", **arrays)
    with pytest.raises(UserError, match=message):
        load("arrays", path=str(tmp_path / "x.npz"), batch_size=1)


def test_a_file_that_is_no_array_and_a_path_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "x.npz").write_bytes(b"PK\3\4 not really")
    with pytest.raises(StorageError, match=r"x\.npz could not be read"):
        load("arrays", path=str(tmp_path / "x.npz"))
    for name, extra in (("arrays", {}), ("folder", {"image_size": 8, "colour": False})):
        with pytest.raises(UserError, match=r"data.path: /nowhere was given"):
            load(name, path="/nowhere", **extra)


@pytest.mark.parametrize("colour", [True, False])
def test_a_folder_of_images_is_scaled_and_its_sub_folders_are_labels(colour: bool, tmp_path: Path) -> None:
    for i in range(30):
        folder = tmp_path / ("cats" if i % 2 else "dogs")
        folder.mkdir(exist_ok=True)
        Image.new("RGB", (20 + i, 40), (255, 0, 0) if i % 2 else (0, 0, 255)).save(folder / f"{i}.png")
    splits = load("folder", path=str(tmp_path), image_size=8, colour=colour)
    assert splits.image_shape == (3 if colour else 1, 8, 8)
    assert splits.train.labels is not None
    red = splits.train.images.float().mean((2, 3))[:, 0]
    assert ((red > 50) == (splits.train.labels == 0)).all()  # cats are red, and come first


def test_a_folder_without_images_or_with_a_broken_one(tmp_path: Path) -> None:
    settings = {"path": str(tmp_path), "image_size": 8, "colour": False}
    with pytest.raises(UserError, match="no image"):
        load("folder", **settings)
    (tmp_path / "a.png").write_bytes(b"no picture")
    with pytest.raises(StorageError, match=r"a\.png could not be read as an image"):
        load("folder", **settings)


# ---------------------------------------------------------------- parts, pixels, batches


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"batch_size": 5000}, r"data.batch_size=5000: there are 1,456 training images in data=digits"),
        ({"validation": 1797}, r"data.validation=1797: there are 1,618 images to hold out from"),
        ({"validation": "test"}, r"data.validation=test: digits has no test images of its own"),
        ({"train_images": 1_000_000}, r"data.train_images=1000000: there are 1,456"),
        ({"validation": 0.0001}, r"data.validation=0.0001"),
    ],
)
def test_parts_that_do_not_fit_the_data(settings: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        load("digits", **settings)


def test_an_unknown_data_set_lists_the_choices() -> None:
    with pytest.raises(UserError, match=r"data.name: no such choice: minst. .*Did you mean mnist"):
        load("minst")


def test_threshold_pixels() -> None:
    grey, binary = load("digits"), load("digits", pixels="threshold")
    assert torch.equal(binary.train.images == 255, grey.train.images > 127)
    assert set(binary.test.images.unique().tolist()) == {0, 255}


def test_static_pixels_are_drawn_once_from_a_fixed_seed_and_dynamic_ones_at_each_visit() -> None:
    static, again, dynamic = (load("digits", pixels=p) for p in ("static", "static", "dynamic"))
    assert static.pixels_sha256 == again.pixels_sha256
    assert load("digits", pixels="static", split_seed=1).pixels_sha256 != static.pixels_sha256
    assert set(static.train.images.unique().tolist()) == {0, 255}
    assert torch.equal(static.train.images, again.train.images)
    assert set(dynamic.validation.images.unique().tolist()) == {0, 255}  # every evaluation sees the same
    generator = torch.Generator().manual_seed(0)
    batches = Batches(dynamic.train, 2000, generator, dynamic.dynamic)
    visits = torch.stack([next(iter(batches))[0].sum((1, 2, 3)).sort().values for _ in range(2)])
    assert not torch.equal(visits[0], visits[1])


def test_dynamic_pixels_have_the_grey_value_as_their_mean() -> None:
    split = data.Split(torch.tensor([0, 51, 204, 255], dtype=torch.uint8).repeat(4000).view(4000, 1, 2, 2))
    (x, _), *_ = Batches(split, 4000, torch.Generator().manual_seed(0), dynamic=True)
    assert set(x.unique().tolist()) == {0.0, 1.0}
    torch.testing.assert_close(x.mean(0).flatten(), torch.tensor([0.0, 0.2, 0.8, 1.0]), atol=0.03, rtol=0)


@pytest.mark.parametrize("batch_size", [1, 7, 100, 1000])
def test_a_pass_visits_every_image_once_with_its_label(batch_size: int) -> None:
    n = 100
    split = data.Split(torch.arange(n, dtype=torch.uint8).view(n, 1, 1, 1), torch.arange(n))
    for generator in (None, torch.Generator().manual_seed(0)):
        batches = Batches(split, batch_size, generator)
        seen = [(x, y) for x, y in batches]
        assert len(seen) == len(batches)
        x, y = torch.cat([x for x, _ in seen]).flatten(), torch.cat([y for _, y in seen if y is not None])
        torch.testing.assert_close(x * 255, y.float())
        assert sorted(y.tolist()) == list(range(n))
        assert (y.tolist() == list(range(n))) == (generator is None)


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("piece_bytes", [1, 4 * 4 * 7 * 3, 2**20])
def test_batches_do_not_depend_on_how_many_are_made_ahead(
    dynamic: bool, piece_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    split = data.Split(torch.arange(200, dtype=torch.uint8).view(50, 1, 2, 2), torch.arange(50))
    monkeypatch.setattr("vae.data.batches.PIECE_BYTES", piece_bytes)
    generator, alone = (torch.Generator().manual_seed(0) for _ in range(2))
    order = torch.randperm(50, generator=alone)
    for (x, y), rows in zip(Batches(split, 7, generator, dynamic), order.split(7), strict=True):
        grey = to_float(split.images[rows])
        assert torch.equal(x, torch.bernoulli(grey, generator=alone) if dynamic else grey)
        assert y is not None
        assert torch.equal(y, rows)
    assert torch.equal(generator.get_state(), alone.get_state())


def test_to_float_is_the_grey_value() -> None:
    assert to_float(torch.tensor([0, 255], dtype=torch.uint8)).tolist() == [0.0, 1.0]


def test_real_mnist(mnist_root: Path) -> None:
    splits = load("mnist", root=str(mnist_root), validation=10_000)
    assert [len(s) for s in (splits.train, splits.validation, splits.test)] == [50_000, 10_000, 10_000]
    assert splits.test.labels is not None
    assert splits.test.labels[:5].tolist() == [7, 2, 1, 0, 4]
    classic = load("mnist", root=str(mnist_root), validation="test")
    assert len(classic.train) == 60_000
    assert hashlib.sha256(classic.test.images.numpy().tobytes()).hexdigest() == (
        hashlib.sha256((mnist_root / "MNIST/raw/t10k-images-idx3-ubyte").read_bytes()[16:]).hexdigest()
    )
