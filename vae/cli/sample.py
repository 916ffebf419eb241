"""The command `vae-sample DIR`, which draws images from a finished run's model."""

import sys
from pathlib import Path

from vae.cli.exits import announce, mistakes_explained
from vae.cli.words import TypedWords, number_of, read_words, trust_of
from vae.run.imports import quick_imports
from vae.run.job import LATEST

_KEYS = ("n", "label", "seed", "to", "device")
HOW_TO_SAMPLE = """\
vae-sample [DIR] [KEY=VALUE ...]

Draws images from the prior of a finished run's model, at its best epoch: the means of p(x|z).

  DIR                the run: its folder, its checkpoint.pt, or a sweep's folder, for its best run; results/latest
  n=64               how many
  label=NAME         of a conditional model: this label for all; without it all labels in turn
  seed=0             of the noise: the same one gives the same images
  to=samples.png     FILE.png: one sheet; FILE.npz: images and labels, which data=arrays reads; FOLDER: a PNG for each
                     image, below a folder for each label, which data=folder reads. Nothing is overwritten
  device=NAME        auto, cpu, cuda, cuda:N, mps
  trust=true         also where the run's config names code of somebody's own, such as model.name=my_lab:net
"""


def main() -> None:
    """Entry point of `vae-sample`."""
    if {"-h", "--help"} & set(sys.argv[1:]):
        print(HOW_TO_SAMPLE)
        return
    with mistakes_explained():
        sample(read_words("vae-sample", sys.argv[1:], _KEYS, most_places=1))


def sample(words: TypedWords) -> None:
    """Draws and writes what the words ask for. Raises UserError before anything is written."""
    count, seed = number_of(words, "n", 64, at_least=1), number_of(words, "seed", 0, at_least=0)
    place = Path(words.values.get("to", "samples.png"))
    announce("loading torch and the run ...", "torch")
    with quick_imports():
        from vae.run.load import load_with_config
        from vae.run.sampling import check_place, draw_images, write_images
        from vae.training.device import usable_device
    check_place(place)
    device = usable_device(words.values.get("device", "auto"), "device")
    model = load_with_config(words.places[0] if words.places else LATEST, trust_of(words))[0].to(device)
    write_images(draw_images(model, count, seed, words.values.get("label")), place)
    print(f"{count:,} images: {place}")


if __name__ == "__main__":
    main()
