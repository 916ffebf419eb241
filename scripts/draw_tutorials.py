"""Makes the pictures of the tutorials from the runs that their commands have left.

    python scripts/draw_tutorials.py [FOLDER]

FOLDER is where the commands of docs/tutorials were given; the checkout, if it is not named. It must hold the multiruns
latent_sizes, learning_rates, search, architectures, betas and conditional, and results/plane, the run with two latent
dimensions, which is given hydra.run.dir=results/plane.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import plotly.graph_objects as go
from headless import available, chromium, set_view
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
PICTURES = ROOT / "docs" / "pictures" / "tutorials"
WIDTH = 760
LARGEST_BYTES, LARGEST_WIDTH = 140_000, 1000
COPIES = {
    "latent_plane": "results/plane/latent_plane.png",
    "latent_manifold": "results/plane/latent_manifold.png",
    "latent_traversals": "multirun/betas/trial_0001/latent_traversals.png",
    "conditional_2": "multirun/conditional/trial_0000/conditional_samples.png",
    "conditional_20": "multirun/conditional/trial_0001/conditional_samples.png",
}
STACKS = {
    "latent_sizes": [f"multirun/latent_sizes/trial_{i:04d}" for i in (0, 1, 3)],
    "architecture_reconstructions": [f"multirun/architectures/trial_{i:04d}" for i in range(3)],
}
"""Reconstructions of several runs, one above another."""
CURVES = {
    "learning_rates": ["1e-4", "3e-4", "1e-3", "3e-3", "1e-2"],
    "architectures": ["mlp", "conv", "hierarchical"],
}


def main() -> None:
    """Draws them all."""
    if not available():
        sys.exit("no browser: install Debian's packages chromium and chromium-driver.")
    source = Path(sys.argv[1]) if sys.argv[1:] else ROOT
    PICTURES.mkdir(parents=True, exist_ok=True)
    for name, path in COPIES.items():
        save(Image.open(source / path), name)
    for name, folders in STACKS.items():
        save(stacked([next((source / folder).glob("reconstruction_*.png")) for folder in folders]), name)
    with chromium() as window:
        for study, labels in CURVES.items():
            folders = [source / "multirun" / study / f"trial_{i:04d}" for i in range(len(labels))]
            save(photographed(window, curves(folders, labels), "body", WIDTH, 400), study)
        page = source / "multirun" / "search" / "report.html"
        save(photographed(window, page, "#parallel", 1000, 900), "search")


def curves(folders: Sequence[Path], labels: Sequence[str]) -> Path:
    """A page with the validation ELBO of each run by epoch."""
    figure = go.Figure()
    for folder, label in zip(folders, labels, strict=True):
        rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
        points = [(row["epoch"], row["val/elbo"]) for row in rows if "val/elbo" in row]
        figure.add_scatter(x=[x for x, _ in points], y=[y for _, y in points], name=label, mode="lines")
    figure.update_layout(
        width=WIDTH,
        height=380,
        margin={"l": 60, "r": 10, "t": 10, "b": 45},
        template="plotly_white",
        xaxis_title="epoch",
        yaxis_title="validation ELBO, nats per image",
    )
    path = folders[0].parent / "curves.html"
    figure.write_html(path, config={"staticPlot": True})
    return path


def photographed(window: object, page: Path, selector: str, width: int, height: int) -> Image.Image:
    """One element of a page, as a browser draws it."""
    import base64
    import io
    import time

    set_view(window, width, height)
    window.get(page.resolve().as_uri())
    element = window.find_element("css selector", selector)
    window.execute_script("arguments[0].scrollIntoView()", element)
    time.sleep(1.5)
    box = window.execute_script(
        "const b = arguments[0].getBoundingClientRect(); return [b.left, b.top + scrollY, b.width, b.height]", element
    )
    clip = {**dict(zip(("x", "y", "width", "height"), box, strict=True)), "scale": 1}
    shot = window.execute_cdp_cmd("Page.captureScreenshot", {"clip": clip, "captureBeyondViewport": True})
    return Image.open(io.BytesIO(base64.b64decode(shot["data"])))


def stacked(paths: Sequence[Path]) -> Image.Image:
    """Pictures of one width, one above another."""
    images = [Image.open(path).convert("RGB") for path in paths]
    whole = Image.new("RGB", (max(i.width for i in images), sum(i.height for i in images)), "white")
    top = 0
    for image in images:
        whole.paste(image, (0, top))
        top += image.height
    return whole


def save(image: Image.Image, name: str) -> None:
    """As it is, or with the largest palette that is small enough."""
    image = image.convert("RGB")
    if image.width > LARGEST_WIDTH:
        height = round(image.height * LARGEST_WIDTH / image.width)
        image = image.resize((LARGEST_WIDTH, height), Image.Resampling.LANCZOS)
    path = PICTURES / f"{name}.png"
    image.save(path, optimize=True)
    for colours in (256, 96, 32, 16):
        if path.stat().st_size <= LARGEST_BYTES:
            break
        image.quantize(colours, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"{path.relative_to(ROOT)}  {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
