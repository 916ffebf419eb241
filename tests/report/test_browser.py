"""The report in a real browser: headless Chromium, from the file system, with no network."""

import json
import random
import time
from pathlib import Path

import pytest
from headless import BrowserPage, available
from PIL import Image

from vae.report.read.places import read_records
from vae.report.show.page import write_page

from .conftest import Study, make_trials

pytestmark = pytest.mark.skipif(
    not available(), reason="no browser: Debian's packages chromium and chromium-driver are not installed"
)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of thirty trials."""
    folder = Study(tmp_path_factory.mktemp("browser") / "sizes", make_trials(30)).folder
    write_page(read_records(folder), folder / "report.html")
    return folder / "report.html"


class Page(BrowserPage):
    """The page as a reader uses it."""

    def runs(self) -> list[str]:
        """Names of the runs in the table, from top to bottom."""
        return self.js("[...document.querySelectorAll('#table tbody tr')].map(row => row.cells[0].textContent)")

    def column(self, name: str) -> list[str]:
        """The texts of a column, from top to bottom."""
        heads = self.js("[...document.querySelectorAll('#table thead th')].map(head => head.dataset.column)")
        place = heads.index(name)
        return self.js(f"[...document.querySelectorAll('#table tbody tr')].map(row => row.cells[{place}].textContent)")

    def sort(self, name: str) -> None:
        self.all(f"#table th[data-column='{name}']")[0].click()

    def scroll_through(self) -> None:
        """Every figure comes into view, and is drawn."""
        for chart in self.all(".chart"):
            self.js("arguments[0].scrollIntoView()", chart)
            deadline = time.monotonic() + 20
            while not self.js("arguments[0].querySelector('svg.main-svg') !== null", chart):
                assert time.monotonic() < deadline, chart.get_attribute("data-figure")
                time.sleep(0.05)


def number(text: str) -> float:
    return float(text.replace("−", "-").replace(",", ""))


@pytest.fixture
def opened(browser, page) -> Page:
    return Page(browser, page)


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1200, 390])
def test_no_error_no_network_and_nothing_sticks_out(browser, page, width, dark):
    opened = Page(browser, page, width, dark)
    opened.scroll_through()
    assert browser.get_log("browser") == []
    sent = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = {m["params"]["request"]["url"] for m in sent if m["method"] == "Network.requestWillBeSent"}
    assert {url for url in asked if not url.startswith(("data:", "blob:"))} == {page.as_uri()}
    assert opened.js("document.documentElement.scrollWidth") <= width
    background, text = (
        opened.js(f"getComputedStyle(document.body).{name}.match(/\\d+/g).map(Number)")
        for name in ("backgroundColor", "color")
    )
    assert (sum(background) < sum(text)) == dark
    drawn = opened.js("getComputedStyle(document.querySelector('#curves .xtick text')).fill.match(/\\d+/g).map(Number)")
    assert drawn == text, "figures wear the page's colours"


def test_the_table_sorts_by_number_and_back(opened):
    assert len(opened.runs()) == 30
    opened.sort("optimizer.lr")
    rates = [number(text) for text in opened.column("optimizer.lr")]
    assert rates == sorted(rates)
    opened.sort("optimizer.lr")
    assert [number(text) for text in opened.column("optimizer.lr")] == rates[::-1]
    opened.sort("val/elbo")
    values = [number(text) for text in opened.column("val/elbo") if text]
    assert values == sorted(values, reverse=True), "the best first where more is better"
    assert opened.column("val/elbo")[-1] == "", "runs without a value are last"


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("tanh", lambda run: run["model.activation"] == "tanh"),
        ("latent_size>=20", lambda run: run["model.latent_size"] >= 20),
        ("lr<1e-3 model.activation=relu", lambda run: run["optimizer.lr"] < 1e-3 and run["model.activation"] == "relu"),
        ("pruned", lambda run: run["state"] == "pruned"),
        ("nothing-like-this", lambda run: False),
    ],
)
def test_words_and_comparisons_filter(opened, page, typed, kept):
    opened.all("#filter")[0].send_keys(typed)
    runs = read_records(page.parent).runs
    assert set(opened.runs()) == {run.name for run in runs if kept({**run.params, "state": run.state})}
    opened.all("#clear")[0].click() if opened.all("#clear")[0].is_displayed() else None
    assert len(opened.runs()) == 30


def test_a_brush_on_an_axis_filters_the_table_the_curves_and_the_pictures(opened, page):
    actions = pytest.importorskip("selenium.webdriver").ActionChains
    axis = opened.all("#parallel .hit[data-axis='val/elbo']")[0]
    opened.js("arguments[0].scrollIntoView({block: 'center'})", axis)
    height = axis.rect["height"]
    actions(opened.browser).move_to_element_with_offset(axis, 0, -height / 2 + 2).click_and_hold().move_by_offset(
        0, height / 2
    ).release().perform()
    values = {run.name: run.values[0] for run in read_records(page.parent).runs if run.values}
    low, high = min(values.values()), max(values.values())
    kept = set(opened.runs())
    assert 0 < len(kept) < len(values)
    assert min(values[name] for name in kept) > max(v for name, v in values.items() if name not in kept)
    assert min(values[name] for name in kept) >= low + 0.45 * (high - low)
    shown = opened.js("[...document.querySelectorAll('#gallery figcaption')].map(c => c.textContent.split(' ')[1])")
    assert set(shown) <= kept
    assert len(opened.all("#parallel path:not(.out)")) == len(kept)
    opened.js("document.getElementById('curves').scrollIntoView()")
    opened.scroll_through()
    drawn = opened.js("[...new Set(document.getElementById('curves').data.flatMap(t => t.text))].filter(Boolean)")
    assert set(drawn) == kept
    opened.js("arguments[0].scrollIntoView({block: 'center'})", axis)
    axis.click()
    assert len(opened.runs()) == 30, "a click removes the filter"


def test_pictures_show_and_two_runs_are_compared(opened, page):
    loaded = "[...document.querySelectorAll('#gallery img')].every(i => i.complete && i.naturalWidth > 0)"
    assert opened.all("#gallery img")
    assert opened.js(loaded)
    best, second = opened.runs()[:2]
    assert opened.js("[...document.querySelectorAll('#pair th')].map(h => h.textContent)")[1:] == [
        f"A: run {best} (complete)",
        f"B: run {second} (complete)",
    ]
    third = opened.runs()[2]
    opened.all("#table tbody tr")[2].find_elements("css selector", "td")[2].click()
    heads = opened.js("[...document.querySelectorAll('#pair th')].map(h => h.textContent)")[1:]
    assert [head.split()[2] for head in heads] == [second, third]
    assert len(opened.all("#pair img")) == 4
    runs = {run.name: run.params for run in read_records(page.parent).runs}
    different = opened.js("[...document.querySelectorAll('#pair tr.differs')].map(r => r.cells[0].textContent)")
    assert set(different) == {key for key in runs[second] if runs[second][key] != runs[third][key]}


def test_states_are_switched_and_all_columns_are_there(opened, page):
    chip = next(chip for chip in opened.all(".chip") if "pruned" in chip.text)
    chip.click()
    assert "pruned" not in opened.column("state")
    opened.all("#all-columns")[0].click()
    facts = {name for run in read_records(page.parent).runs for name in run.folder.facts} - {"folder"}
    assert facts <= set(opened.js("[...document.querySelectorAll('#table thead th')].map(h => h.dataset.column)"))


def test_the_theme_is_switched_by_a_button(opened):
    before = opened.js("getComputedStyle(document.body).backgroundColor")
    opened.all("#theme")[0].click()
    assert opened.js("getComputedStyle(document.body).backgroundColor") != before


@pytest.mark.slow
def test_a_thousand_trials_stay_under_twenty_megabytes_and_open(browser, tmp_path):
    study = Study(tmp_path / "large", make_trials(1000))
    noise = random.Random(0)
    for place in study.folder.glob("trial_*"):
        for picture in place.glob("*.png"):  # noise: the worst that a picture can be
            Image.frombytes("L", (480, 480), noise.randbytes(480 * 480)).save(picture)
    page = study.folder / "report.html"
    write_page(read_records(study.folder), page)
    assert page.stat().st_size < 20e6
    opened = Page(browser, page)
    assert len(opened.runs()) == 1000
    opened.scroll_through()
    assert browser.get_log("browser") == []


def test_an_early_study_opens_without_an_error(browser, tmp_path):
    for name, trials in (("none", []), ("failed", make_trials(10)[-1:]), ("one", make_trials(10)[:1])):
        folder = Study(tmp_path / name, trials).folder
        write_page(read_records(folder), folder / "report.html")
        Page(browser, folder / "report.html").scroll_through()
        assert browser.get_log("browser") == [], name


def luminance(colour: str) -> float:
    """Relative luminance of `#rrggbb` (WCAG 2.1)."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("dark", [False, True])
def test_the_worst_line_is_visible(browser, page, dark):
    """Every colour of a line is told from the ground, and every run's best point is in the range of the curves."""
    opened = Page(browser, page, 1200, dark)
    variable = "getComputedStyle(document.documentElement).getPropertyValue('--{}').trim()"
    ground = opened.js(variable.format("bg"))
    ground = ground if len(ground) == 7 else "#" + "".join(2 * c for c in ground[1:])
    for name in ("low", "high", "pruned", "best", "failed", "accent"):
        light, deep = sorted((luminance(opened.js(variable.format(name))), luminance(ground)), reverse=True)
        assert (light + 0.05) / (deep + 0.05) >= 3, name
    opened.scroll_through()
    low, high = opened.js("document.getElementById('curves').layout.yaxis.range")
    curves = opened.js("data.curves.map(curve => curve[data.curve] || [])")
    bests = [max(own) for curve in curves if (own := [v for v in curve if v is not None])]
    said = opened.js("document.getElementById('curves').layout.yaxis.title.text")
    outside = sum(not low <= best <= high for best in bests)
    assert (f"({outside} run" in said) if outside else "out of view" not in said
    assert outside < len(bests) / 10


@pytest.mark.parametrize("width", [1200, 500])
def test_a_table_that_goes_on_says_so(browser, page, width):
    opened = Page(browser, page, width)
    opened.all("#all-columns")[0].click()
    holder = "document.querySelector('#runs .scroll')"
    hides = opened.js(f"{holder}.scrollWidth > {holder}.clientWidth + 1")
    note = opened.all("#more-columns")[0]
    assert hides
    assert note.is_displayed()
    assert "scroll the table sideways" in note.text
    opened.js(f"{holder}.scrollTo({{left: 1e6, behavior: 'instant'}})")
    deadline = time.monotonic() + 5
    while note.is_displayed():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    first = opened.js("document.querySelector('#table tbody td').getBoundingClientRect().left")
    assert abs(first - opened.js(f"{holder}.getBoundingClientRect().left")) < 3, "the run's name stays in view"


def test_decimals_of_results_align(opened):
    for name in ("val/elbo", "test/elbo"):
        texts = [text for text in opened.column(name) if text]
        assert len({len(text.partition(".")[2]) for text in texts}) == 1, name
