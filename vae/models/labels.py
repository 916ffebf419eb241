"""Labels as a person gives them -> the numbers 0 to L - 1 that a conditional model takes."""

from collections.abc import Iterable, Sequence
from typing import Any

from torch import Tensor

from vae.errors import UserError

Labels = int | str | Sequence[int | str] | Tensor | None
"""One label for all images, or one for each; None: all in turn."""
_MOST_NAMES = 20


def indices_of(labels: Any, count: int, n_labels: int, names: Sequence[str] | None = None) -> list[int]:
    """One label, or `count` of them, by name or, where they have no names, by number -> numbers from 0 to L - 1.

    Raises UserError for a label that does not exist, for another number of labels, and where the model takes none.

    >>> indices_of(7, 2, n_labels=2, names=("3", "7")), indices_of([1, 0], 2, n_labels=2)
    ([1, 1], [1, 0])
    """
    if not n_labels:
        raise UserError("This model takes no labels: model.conditional=true trains one that does.")
    given = labels.tolist() if hasattr(labels, "tolist") else labels
    is_one = isinstance(given, str) or not isinstance(given, Iterable)
    listed = [given] * count if is_one else list(given)
    if len(listed) != count:
        raise UserError(f"{len(listed)} labels for {count} images: give one label, or one for each image.")
    known = {str(name): index for index, name in enumerate(names or range(n_labels))}
    unknown = [label for label in listed if isinstance(label, bool) or str(label) not in known]
    if unknown:
        shown = ", ".join(list(known)[:_MOST_NAMES])
        more = f" and {len(known) - _MOST_NAMES:,} more" if len(known) > _MOST_NAMES else ""
        raise UserError(f"There is no label {unknown[0]!r}. The labels of this model are {shown}{more}.")
    return [known[str(label)] for label in listed]
