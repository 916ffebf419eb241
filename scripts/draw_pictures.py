"""Makes the pictures of the documentation, in a headless browser: a sweep and its report, a run and its explorer.

    python scripts/draw_pictures.py [explorer]         (make docs)

Takes a few minutes on two cores. The sweep is kept in multirun/pictures, and the run, which needs MNIST, in
results/plane; delete them to run them again. With `explorer` only the explorer is drawn.
"""

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from headless import available, chromium, set_view
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
PICTURES = ROOT / "docs" / "pictures"
STUDY = ROOT / "multirun" / "pictures"
SWEEP = (
    "-m",
    "sweep=tpe",
    "study=pictures",
    "data=mnist_5k",
    "trainer.epochs=12",
    "tracking=none",
    "sweep.n_trials=40",
    "sweep.confirm={top: 3, seeds: 3}",
)
RUN = ROOT / "results" / "plane"
PLANE = (
    "data=mnist",
    "data.pixels=dynamic",
    "model.latent_size=2",
    "trainer.epochs=20",
    "tracking=none",
    f"hydra.run.dir={RUN}",
)
WIDTH, HEIGHT = 1100, 900
COLOURS = 256
"""Colours of a picture's palette, so that the repository stays small."""


def main() -> None:
    """Makes all pictures, or those that are named."""
    if not available():
        sys.exit("no browser: install Debian's packages chromium and chromium-driver.")
    if sys.argv[1:] != ["explorer"]:
        draw_report()
    draw_explorer()


def draw_explorer() -> None:
    """Trains the run unless it has been trained, and takes the pictures of its explorer."""
    if not (RUN / "explore.html").is_file():
        subprocess.run([sys.executable, "-m", "vae", *PLANE], cwd=ROOT, check=True)
    with chromium() as window:
        explore(window, WIDTH, view="dots")
        take(window, "explorer", "header", "#film")
        explore(window, WIDTH, view="drawn", dark=True)
        take(window, "explorer_dark", "header", "#film")
        explore(window, 390, view="dots")
        take(window, "explorer_phone", "header", "#atlas")


def explore(window: Any, width: int, view: str, dark: bool = False) -> None:
    """Opens the explorer, with its film held at a third of its way."""
    set_view(window, width, HEIGHT, dark)
    window.get((RUN / "explore.html").as_uri())
    while window.execute_script("return document.documentElement.dataset.ready") != "true":
        time.sleep(0.1)
    window.execute_script("scrubTo(0.3); document.querySelector(`#views [data-key=${arguments[0]}]`).click()", view)
    time.sleep(3)


def draw_report() -> None:
    """Runs the sweep unless it has been run, and takes the pictures of its report."""
    if not (STUDY / "best.yaml").is_file():
        subprocess.run([sys.executable, "-m", "vae", *SWEEP], cwd=ROOT, check=True)
    subprocess.run([sys.executable, "-m", "vae.cli.report", str(STUDY)], cwd=ROOT, check=True)
    with chromium() as window:
        set_view(window, WIDTH, HEIGHT)
        window.get((STUDY / "report.html").as_uri())
        take(window, "report_top", "header", "#runs")
        brush(window)
        take(window, "report_parallel", "#parallel-section", "section:has(#curves)")
        window.execute_script("document.getElementById('clear').click()")
        take(window, "report_pair", "section:has(#pair)")
        take(window, "report_figures", "section:has([data-figure=slice])", "section:has([data-figure=contour_0])")
        take(
            window, "report_timeline", "section:has([data-figure=confirmation])", "section:has([data-figure=timeline])"
        )
        set_view(window, WIDTH, HEIGHT, dark=True)
        window.get((STUDY / "report.html").as_uri())
        take(window, "report_dark", "#runs", "#parallel-section")
        set_view(window, 390, 800)
        window.get((STUDY / "report.html").as_uri())
        take(window, "report_phone", "header", "#runs")


def brush(window: Any) -> None:
    """Selects the upper part of the objective's axis in the parallel coordinates."""
    from selenium.webdriver import ActionChains

    axis = window.find_elements("css selector", "#parallel .hit")[-1]
    window.execute_script("arguments[0].scrollIntoView({block: 'center'})", axis)
    height = axis.rect["height"]
    pointer = ActionChains(window).move_to_element_with_offset(axis, 0, -height / 2 + 2)
    pointer.click_and_hold().move_by_offset(0, height / 4).release().perform()


def take(window: Any, name: str, first: str, last: str | None = None) -> None:
    """Saves the page from the top of one element to the end of another as docs/pictures/NAME.png."""
    for chart in window.find_elements("css selector", ".chart"):
        window.execute_script("arguments[0].scrollIntoView({block: 'center'})", chart)
        time.sleep(0.2)
    box = window.execute_script(
        "const [a, b] = [...arguments].map(s => document.querySelector(s).getBoundingClientRect());"
        "return [a.top + scrollY, b.bottom + scrollY]",
        first,
        last or first,
    )
    clip = {"x": 0, "y": max(0, box[0] - 12), "width": window.execute_script("return innerWidth"), "scale": 1}
    clip["height"] = min(box[1] + 12, box[0] + 1400) - clip["y"]
    shot = window.execute_cdp_cmd("Page.captureScreenshot", {"clip": clip, "captureBeyondViewport": True})
    save(shot["data"], PICTURES / f"{name}.png")


def save(base64_png: str, path: Path) -> None:
    """Saves a picture with a small palette."""
    import base64
    import io

    image = Image.open(io.BytesIO(base64.b64decode(base64_png))).convert("RGB")
    method = Image.Quantize.MAXCOVERAGE  # small dots of many classes keep their colours
    image.quantize(COLOURS, method, kmeans=3, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"{path.relative_to(ROOT)}  {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
