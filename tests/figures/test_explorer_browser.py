"""The latent explorer in a real browser: headless Chromium, from the file system, with no network."""

import json
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from explored import LIVE, images, lively, mlp, unknown
from headless import BrowserPage, available

from vae.data import Split
from vae.figures.explorer.page import explorer_page

pytestmark = pytest.mark.skipif(
    not available(), reason="no browser: Debian's packages chromium and chromium-driver are not installed"
)


class Page(BrowserPage):
    """The page as a reader uses it; the film that it begins with is stopped."""

    def __init__(self, browser, path: Path, model, split: Split, width: int = 1200, dark: bool = False) -> None:
        self.model = model
        path.write_text(explorer_page(model, split, "explored"), encoding="utf-8")
        super().__init__(browser, path, width, dark)
        deadline = time.monotonic() + 30
        while not self.js("document.documentElement.dataset.ready === 'true'"):
            assert time.monotonic() < deadline, browser.get_log("browser")
            time.sleep(0.02)
        self.js("stopFilm()")

    def z(self, name: str = "z") -> np.ndarray:
        return np.array(self.js(f"[...state.{name}]"))

    def torch_image(self, z: np.ndarray, label: int | None = None) -> np.ndarray:
        """What torch draws, flat, in [0, 1]."""
        y = None if label is None else torch.tensor([label])
        with torch.no_grad():
            return self.model.decode(torch.tensor(z, dtype=torch.float32)[None], y).flatten().numpy()

    def levels(self) -> np.ndarray:
        """The first channel of the picture that is on the screen, in grey levels."""
        return np.array(
            self.js(
                "[...byId('picture').getContext('2d').getImageData(0, 0, drawnWidth, drawnHeight).data]"
                ".filter((_, i) => i % 4 === 0)"
            )
        )

    def move(self, *steps: tuple[float, float], press: bool) -> None:
        """Moves the mouse over the map through places that are shares of its width and height."""
        from selenium.webdriver import ActionChains

        canvas = self.all("#map")[0]
        self.js("arguments[0].scrollIntoView({block: 'center'})", canvas)
        width, height = canvas.rect["width"], canvas.rect["height"]
        mouse = ActionChains(self.browser, duration=0)
        for k, (right, down) in enumerate(steps):
            x, y = round((right - 0.5) * width), round((down - 0.5) * height)
            mouse.move_to_element_with_offset(canvas, x, y)
            if press and k == 0:
                mouse.click_and_hold()
        if press:
            mouse.release()
        mouse.perform()


@pytest.fixture
def opened(browser, tmp_path: Path):
    """Opens the explorer of a model."""
    return lambda model, split=None, **view: Page(browser, tmp_path / "explore.html", model, split or images(), **view)


@pytest.mark.parametrize("name", LIVE)
def test_the_page_draws_what_torch_draws_within_half_a_grey_level(opened, name: str) -> None:
    torch.manual_seed(1)
    model = lively(LIVE[name]())
    page = opened(model, images(model.image_shape))
    z = torch.randn(10, model.latent_size).numpy()
    labels = [k % model.n_labels if model.n_labels else None for k in range(10)]
    drawn = page.js("arguments[0].map((z, k) => [...decode(z, arguments[1][k])])", z.tolist(), labels)
    expected = np.array([page.torch_image(row, label) for row, label in zip(z, labels, strict=True)])
    assert np.ptp(expected) > 0.2  # not grey alone
    assert np.abs(255 * (np.array(drawn) - expected)).max() < 0.5


def test_half_precision_is_read_as_it_is_written(opened) -> None:
    page = opened(lively(mlp()))
    import base64

    every = np.arange(2**16, dtype="<u2").tobytes()
    read = page.js(
        "[...floatsOf(arguments[0], 16)].map(v => Number.isFinite(v) ? v : String(v))", base64.b64encode(every).decode()
    )
    expected = np.frombuffer(every, "<f2").astype(np.float64)
    finite = np.isfinite(expected)
    assert [value for value, is_finite in zip(read, finite, strict=True) if is_finite] == expected[finite].tolist()
    assert {value for value, is_finite in zip(read, finite, strict=True) if not is_finite} == {
        "NaN",
        "Infinity",
        "-Infinity",
    }


@pytest.mark.parametrize("size", [1, 2, 5])
def test_what_lies_under_a_dragged_point_is_drawn(opened, size: int) -> None:
    page = opened(lively(mlp(latent_size=size)))
    page.move((0.85, 0.12), (0.4, 0.3), (0.6, 0.7), press=True)
    extent, z = page.js("data.extent"), page.z()
    plane = np.array(page.js("project(state.z)"))
    for k, share in list(enumerate((0.6, 1 - 0.7)))[: min(size, 2)]:
        assert plane[k] == pytest.approx(
            extent[k][0] + share * (extent[k][1] - extent[k][0]), abs=0.01 * np.ptp(extent[k])
        )
    assert np.abs(page.levels() - 255 * page.torch_image(z)).max() <= 1  # half a level, rounded


def test_the_pointer_alone_draws_too_and_nothing_stays_of_it(opened) -> None:
    page = opened(lively(mlp(latent_size=2)))
    before, z = page.levels(), page.z()
    page.move((0.7, 0.3), (0.3, 0.6), press=False)
    hovered = page.z("hover")
    assert np.abs(page.levels() - 255 * page.torch_image(hovered)).max() <= 1
    page.js("mapCanvas.dispatchEvent(new PointerEvent('pointerleave'))")
    assert (page.z() == z).all()
    assert (page.levels() == before).all()


def test_a_dot_under_the_pointer_shows_its_image_and_a_click_goes_to_it(opened) -> None:
    page = opened(lively(mlp(latent_size=5)))
    far = page.js("dots.findIndex(i => ['a', 'b'].every(n => distance(toScreen(places[i]), spotOf(state[n])) > 40))")
    at = page.js(f"toScreen(places[{far}]).map((v, k) => v / [map.width, map.height][k])")
    page.move((0.5, 0.5), tuple(at), press=False)
    shown = page.js("byId('tip').hidden ? null : byId('tip').textContent")
    number = page.js("dotAt(...toScreen(places[arguments[0]]))", far)
    assert shown == f"image {number}: {images().labels[number]}"
    page.move(tuple(at), press=True)
    assert page.z().tolist() == page.js(f"[...meanOf({number})]")


def test_a_slider_changes_its_number_and_no_other(opened) -> None:
    page = opened(lively(mlp(latent_size=5)))
    before = page.z()
    (dim,) = page.js("data.active.slice(0, 1)")
    page.js(f"Object.assign(byId('z{dim}'), {{ value: 1.5 }}).dispatchEvent(new Event('input'))")
    after = page.z()
    assert after[dim] == 1.5
    assert (np.delete(after, dim) == np.delete(before, dim)).all()
    assert np.abs(page.levels() - 255 * page.torch_image(after)).max() <= 1
    page.move((0.9, 0.9), (0.2, 0.2), press=True)  # what the plane does not show stays as the slider has set it
    rest = "[...awayOf(arguments[0])]"
    np.testing.assert_allclose(page.js(rest, page.z().tolist()), page.js(rest, after.tolist()), atol=1e-5)


def test_there_is_a_slider_for_each_dimension_in_use(opened) -> None:
    model = mlp(latent_size=6).eval()
    with torch.no_grad():
        model.encoder[-1].weight[[1, 4]] = 0  # the means of these are constant
        model.encoder[-1].weight[[0, 2, 3, 5]] *= 20
    page = opened(model)
    assert sorted(page.js("sliders.map(s => s.dim)")) == [0, 2, 3, 5]
    assert "2 numbers have no slider" in page.js("byId('dimensions-text').textContent")


def test_a_film_goes_along_the_line(opened) -> None:
    page = opened(lively(mlp(latent_size=3)))
    page.js("Object.assign(byId('scrub'), { value: 250 }).dispatchEvent(new Event('input'))")
    a, b = page.z("a"), page.z("b")
    np.testing.assert_allclose(page.z(), a + 0.25 * (b - a), atol=1e-6)
    page.all("#play")[0].click()
    deadline = time.monotonic() + 20
    while np.allclose(page.z(), a + 0.25 * (b - a)) and time.monotonic() < deadline:
        time.sleep(0.02)
    page.js("stopFilm()")
    along = (page.z() - a) / (b - a)
    assert np.ptp(along) < 1e-3
    assert 0 <= along[0] <= 1
    page.all("#set-a")[0].click()
    assert (page.z("a") == page.z()).all()


def test_the_label_of_a_conditional_model_is_chosen(opened) -> None:
    page = opened(lively(mlp(labels=3)))
    pictures = []
    for label in range(3):
        page.all("#labels .chip")[label].click()
        assert page.js("state.label") == label
        pictures.append(page.levels())
        assert np.abs(pictures[-1] - 255 * page.torch_image(page.z(), label)).max() <= 1
    assert not (pictures[0] == pictures[1]).all()


def test_a_decoder_that_cannot_run_shows_the_nearest_picture_and_says_so(opened) -> None:
    model = lively(unknown(labels=3))
    page = opened(model)
    assert "the page knows no layer Unknown" in page.js("byId('exact').textContent")
    assert page.all(".dim") == []
    page.all("#labels .chip")[2].click()
    side = page.js("data.decoder.grid.side")
    page.move((0.9, 0.9), ((3 + 0.5) / side, (5 + 0.5) / side), press=True)
    from vae.figures.explorer.atlas import survey
    from vae.figures.explorer.drawing import grid_points

    z = grid_points(survey(model, images()), side)[5 * side + 3]
    assert np.abs(page.levels() - 255 * page.torch_image(z, 2)).max() <= 1


def many_classes() -> Split:
    split = images(count=47)
    return Split(split.images, torch.arange(47), tuple(f"class {k} of a long name" for k in range(47)))


EMPTY_CASES = {
    "no labels": lambda: (mlp(), images(labels=False)),
    "one image": lambda: (mlp(), images(count=1)),
    "one dimension, no labels": lambda: (mlp(latent_size=1), images(labels=False)),
    "nothing in use": lambda: (
        mlp(latent_size=3),
        Split(images().images[:1].repeat(20, 1, 1, 1), images(count=20).labels),
    ),
    "colour, not square": lambda: (mlp(shape=(3, 30, 100)), images((3, 30, 100))),
    "two channels": lambda: (mlp(shape=(2, 8, 8)), images((2, 8, 8))),
    "many dimensions": lambda: (mlp(latent_size=100), images()),
    "many classes": lambda: (mlp(labels=47), many_classes()),
    "drawn beforehand, colourless": lambda: (unknown(), images(labels=False)),
    "drawn beforehand, one dimension": lambda: (unknown(latent_size=1), images()),
}


@pytest.mark.parametrize("case", EMPTY_CASES)
def test_the_page_works_alone_for_every_kind_of_model_and_on_a_telephone(opened, case: str) -> None:
    model, split = EMPTY_CASES[case]()
    width, dark = ((390, True), (1200, False))[list(EMPTY_CASES).index(case) % 2]
    page = opened(model.eval(), split, width=width, dark=dark)
    for view in ("images", "drawn", "dots"):
        page.all(f"#views [data-key={view}]")[0].click()
    page.move((0.8, 0.2), (0.3, 0.6), press=True)
    for button in page.all("#film button"):
        button.click()
    page.js("stopFilm()")
    page.all("#theme")[0].click()
    assert page.js("document.documentElement.scrollWidth <= innerWidth")
    assert page.js("document.documentElement.dataset.theme") == ("light" if dark else "dark")
    assert [entry["message"] for entry in page.browser.get_log("browser")] == []
    messages = [json.loads(entry["message"])["message"] for entry in page.browser.get_log("performance")]
    asked = [
        message["params"]["request"]["url"] for message in messages if message["method"] == "Network.requestWillBeSent"
    ]
    assert [url for url in asked if not url.startswith(("data:", "file:", "blob:"))] == []


def test_a_finger_drags_the_point(opened) -> None:
    page = opened(lively(mlp(latent_size=2)), width=390)
    page.js("mapCanvas.scrollIntoView({block: 'center'})")
    box = page.js("(box => [box.x, box.y, box.width, box.height])(mapCanvas.getBoundingClientRect())")
    for kind, right, down in (
        ("touchStart", 0.9, 0.1),
        ("touchMove", 0.5, 0.5),
        ("touchMove", 0.25, 0.6),
        ("touchEnd", 0, 0),
    ):
        points = [{"x": box[0] + right * box[2], "y": box[1] + down * box[3]}] if kind != "touchEnd" else []
        page.browser.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    (left, end), _ = page.js("data.extent")
    assert page.z()[0] == pytest.approx(left + 0.25 * (end - left), abs=0.01 * (end - left))
    assert page.js("mapCanvas.getBoundingClientRect().y") == box[1]  # the page has not scrolled
