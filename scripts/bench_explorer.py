"""Measures the latent explorer: seconds to write it, its size, seconds until a browser has opened it, and how long a
drag waits for its picture.

    python scripts/bench_explorer.py [--run DIR] [--rounds 5] [--moves 200]

Without a run, one is trained for an epoch: the classic 784-400-20 on the 5,000 embedded images. A drag is answered from
the event's own time, which the browser sets when the pointer moves, until the picture is on its canvas.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from bench_report import spread
from headless import available, chromium, set_view

from vae.config.trust import Trust
from vae.data import load_splits
from vae.figures.explorer.page import explorer_page
from vae.run.load import load_with_config
from vae.run.provenance import processor

FRAME_MILLISECONDS, OPEN_SECONDS = 16.0, 1.0
"""What is aimed at."""


def main() -> None:
    """Writes, opens and drags; prints medians and extremes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--moves", type=int, default=200)
    arguments = parser.parse_args()
    if not available():
        sys.exit("no browser: install Debian's packages chromium and chromium-driver.")
    with tempfile.TemporaryDirectory() as name:
        run = arguments.run or train(Path(name) / "run")
        model, config, _ = load_with_config(run, Trust())
        split = load_splits(config.data).test
        page, written = Path(name) / "explore.html", []
        for _ in range(arguments.rounds):
            started = time.perf_counter()
            page.write_text(explorer_page(model, split, run.name), encoding="utf-8")
            written.append(time.perf_counter() - started)
        size, opened = page.stat().st_size, list[float]()
        answered = list[float]()
        with chromium() as window:
            for _ in range(arguments.rounds):
                opened.append(open_page(window, page))
                answered += drag(window, arguments.moves)
            difference = grey_levels(window, model)
    print(f"{processor()}; {config.data.name}, {config.model.name}; n = {arguments.rounds} openings")
    print(f"write                  {spread(written)}")
    print(f"size                   {size / 1e6:.2f} MB")
    print(f"open                   {spread(opened)}, aim {OPEN_SECONDS:.0f} s")
    print(f"answer a drag          {milliseconds(answered)}, aim {FRAME_MILLISECONDS:.0f} ms, {len(answered):,} moves")
    print(f"difference from torch  {difference:.2f} grey levels at most, of 255, over 100 z")


def train(folder: Path) -> Path:
    """A run of the classic model."""
    options = ["data=mnist_5k", "trainer.epochs=1", "tracking=none", f"hydra.run.dir={folder}"]
    subprocess.run([sys.executable, "-m", "vae", *options], check=True, capture_output=True)
    return folder


def open_page(window: Any, page: Path) -> float:
    """Seconds from the beginning of the navigation until the page is drawn, by the page's own clock."""
    set_view(window, 1200, 900)
    window.get(page.as_uri())
    while window.execute_script("return document.documentElement.dataset.ready") != "true":
        time.sleep(0.02)
    window.execute_script("stopFilm()")
    return float(window.execute_script("return state.timing.opened")) / 1000


def drag(window: Any, moves: int) -> list[float]:
    """Milliseconds of each move of a drag through the map, from the event to the picture."""
    box = window.execute_script("const b = mapCanvas.getBoundingClientRect(); return [b.x, b.y, b.width, b.height]")
    waits = []
    for k in range(moves + 1):
        share = ((0.05 + 0.0037 * k) % 0.9, (0.5 + 0.0021 * k) % 0.9)
        x, y = (box[i] + share[i] * box[i + 2] for i in (0, 1))
        kind = "mouseMoved" if k else "mousePressed"
        event = {"type": kind, "x": x, "y": y, "button": "left", "buttons": 1, "clickCount": 0 if k else 1}
        window.execute_cdp_cmd("Input.dispatchMouseEvent", event)
        if k > 3:  # the first few pixels of a press are no drag yet
            waits.append(float(window.execute_script("return state.timing.answered")))
    release = {"type": "mouseReleased", "x": x, "y": y, "button": "left", "clickCount": 1}
    window.execute_cdp_cmd("Input.dispatchMouseEvent", release)
    return waits


@torch.no_grad()
def grey_levels(window: Any, model: Any) -> float:
    """The largest difference between the page's images and torch's, over draws from the prior."""
    z = model.sample_prior(100, torch.device("cpu"), torch.Generator().manual_seed(1))[:, : model.latent_size]
    y = model.labels_in_turn(len(z), z.device)
    labels = [None] * len(z) if y is None else y.tolist()
    code = "return arguments[0].map((z, k) => [...decode(z, arguments[1][k])])"
    drawn = torch.tensor(window.execute_script(code, z.tolist(), labels))
    return float(255 * (drawn - model.decode(z, y).flatten(1)).abs().max())


def milliseconds(waits: list[float]) -> str:
    """Median, 95th of a hundred, and the longest, as text."""
    return (
        f"{statistics.median(waits):.1f} ms (95 %: {statistics.quantiles(waits, n=20)[-1]:.1f}, most {max(waits):.1f})"
    )


if __name__ == "__main__":
    main()
