"""Data sets as uint8 tensors with labels, and batches of them on the device."""

from vae.data.batches import Batches
from vae.data.loading import load_splits
from vae.data.pixels import as_evaluated, grey_levels, to_float
from vae.data.splits import Source, Split, Splits
