"""The command `vae-data NAME...`, which fetches data sets and verifies them."""

import sys

from vae.cli.exits import announce, mistakes_explained
from vae.config import one_of
from vae.errors import UserError

HOW_TO_DOWNLOAD = """\
vae-data NAME...

Fetches data sets into ~/.cache/vae and verifies them.
NAME: {names}; EMNIST's splits as emnist:letters.
Nothing is fetched that VAE_DATA or the cache already has."""


def main() -> None:
    """Entry point of `vae-data`."""
    wants_help = bool({"-h", "--help"} & set(sys.argv[1:]))
    names = [argument for argument in sys.argv[1:] if not argument.startswith("-")]
    if names and not wants_help:
        announce(f"looking for {', '.join(names)} ...", "torch")
    from vae.data.sources.idx import IDX_NAMES, load_idx

    if wants_help or not names:
        print(HOW_TO_DOWNLOAD.format(names=", ".join(IDX_NAMES)))
        sys.exit(0 if wants_help else 2)
    with mistakes_explained():
        for argument in names:
            name, _, split = argument.partition(":")
            if name not in IDX_NAMES:
                raise UserError(f"{name}: no such data set to fetch. {one_of(name, IDX_NAMES)}")
            source = load_idx(name, root=None, split=split or "balanced")
            assert source.test is not None
            print(f"{argument}: {len(source.train):,} training and {len(source.test):,} test images, verified.")


if __name__ == "__main__":
    main()
