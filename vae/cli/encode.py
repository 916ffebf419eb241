"""The command `vae-encode DIR IMAGES`, which writes what a finished run's encoder says of images."""

import sys
from pathlib import Path

from vae.cli.exits import announce, mistakes_explained
from vae.cli.words import TypedWords, read_words, trust_of
from vae.errors import UserError
from vae.run.imports import quick_imports

_KEYS = ("to", "label", "device")
HOW_TO_ENCODE = """\
vae-encode DIR IMAGES [KEY=VALUE ...]

Writes the means and the log-variances of q(z|x) of images, by a finished run's model at its best epoch.

  DIR                the run: its folder, its checkpoint.pt, or a sweep's folder, for its best run
  IMAGES             a folder of pictures, one picture, an .npz (its array `images`) or an .npy file; or test,
                     validation or train: the run's own images. Pictures are scaled and cropped to the run's size
  to=latents.npz     FILE.npz: mu, logvar, names and, where the images have them, labels; FILE.csv: a row for each
                     image. Nothing is overwritten
  label=NAME         of a conditional model: the label of all images; without it each has its own
  device=NAME        auto, cpu, cuda, cuda:N, mps
  trust=true         also where the run's config names code of somebody's own, such as model.name=my_lab:net
"""


def main() -> None:
    """Entry point of `vae-encode`."""
    wants_help = bool({"-h", "--help"} & set(sys.argv[1:]))
    if wants_help or not sys.argv[1:]:
        print(HOW_TO_ENCODE)
        sys.exit(0 if wants_help else 2)
    with mistakes_explained():
        encode(read_words("vae-encode", sys.argv[1:], _KEYS, most_places=2))


def encode(words: TypedWords) -> None:
    """Encodes and writes what the words ask for. Raises UserError before anything is written."""
    place = Path(words.values.get("to", "latents.npz"))
    if len(words.places) < 2:
        raise UserError(
            "vae-encode: a run and images are expected: vae-encode DIR IMAGES. vae-encode --help says more."
        )
    if place.suffix not in (".npz", ".csv"):
        raise UserError(f"vae-encode: to={place}: FILE.npz or FILE.csv is expected.")
    announce("loading torch, the run and the images ...", "torch")
    with quick_imports():
        from vae.run.encoding import encode_images, read_images, write_encoded
        from vae.run.load import checkpoint_of, load_with_config
        from vae.run.sampling import check_place
        from vae.training.device import usable_device
    check_place(place)
    device = usable_device(words.values.get("device", "auto"), "device")
    run, images = words.places
    model, config, _ = load_with_config(run, trust_of(words))
    split, names = read_images(images, checkpoint_of(run).parent, config, model.image_shape)
    encoded = encode_images(model.to(device), split, names, words.values.get("label"))
    write_encoded(encoded, place)
    print(f"{len(names):,} images, latent {encoded.mu.shape[1]}: {place}")


if __name__ == "__main__":
    main()
