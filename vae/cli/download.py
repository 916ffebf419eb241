"""The command `vae-data NAME...`: fetches and verifies data sets."""

import sys

from vae import config
from vae.cli.exits import fail
from vae.errors import UserError


def fetch() -> None:
    """Entry point of `vae-data NAME...`: fetches and verifies data sets."""
    from vae.data.sources.idx import IDX_NAMES, load_idx

    names = [a for a in sys.argv[1:] if not a.startswith("-")]
    try:
        if not names or set(sys.argv[1:]) & {"-h", "--help"}:
            print(
                f"vae-data NAME...\n\nFetches data sets into ~/.cache/vae and verifies them.\n"
                f"NAME: {', '.join(IDX_NAMES)}; EMNIST's splits as emnist:letters.\n"
                "Nothing is fetched that VAE_DATA or the cache has already."
            )
            sys.exit(0 if names or set(sys.argv[1:]) & {"-h", "--help"} else 2)
        for argument in names:
            name, _, split = argument.partition(":")
            if name not in IDX_NAMES:
                raise UserError(f"{name}: no such data set to fetch. {config.one_of(name, IDX_NAMES)}")
            source = load_idx(name, root=None, split=split or "balanced")
            assert source.test is not None
            print(f"{argument}: {len(source.train):,} training and {len(source.test):,} test images, verified.")
    except UserError as error:
        fail(error)
