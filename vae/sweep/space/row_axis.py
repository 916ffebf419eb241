"""The entries of a list as one parameter of a search: a choice, each of whose values sets several keys.

A sampler sees one categorical parameter, named as the setting that holds the list; its choices are the entries,
written as Hydra writes a mapping: `{model.latent_size:2,model.hidden_size:100}`. What a job, a table or a file is told
is what the entry sets (`distributions.taken_apart`).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from optuna.distributions import CategoricalDistribution

from vae.config.quoting import in_grammar
from vae.errors import UserError
from vae.nested import bare
from vae.sweep.space.distributions import Distribution, chosen, config_keys, finite_values, stored, values_of
from vae.sweep.space.rows import LIST, ZIP, Row


def axis_of(listed: Mapping[str, Sequence[Row]]) -> dict[str, Distribution]:
    """Setting that holds a list -> the parameter whose choices are its rows.

    Raises UserError for a row that is there twice, which would be two choices of one value.
    """
    axes: dict[str, Distribution] = {}
    for setting, rows in listed.items():
        first: dict[str, Row] = {}
        for row in rows:
            choice = stored(dict(row.values))
            if choice in first:
                raise UserError(
                    f"{row.place} is the same as {first[choice].place}: a search tries an entry as often as it "
                    "promises. Take one of the two out. No study was created."
                )
            first[choice] = row
        axes[setting] = CategoricalDistribution(list(first))
    return axes


def axis_in(params: Mapping[str, Any]) -> str | None:
    """The name of the parameter that stands for a list; None where a space has no list."""
    return next((key for key in params if key in (LIST, ZIP)), None)


def is_list_alone(params: Mapping[str, Any]) -> bool:
    """Whether a space is a list and nothing else, so that there is nothing to be searched."""
    return len(params) == 1 and axis_in(params) is not None


def entry_with(axis: str, dist: Distribution, has: Callable[[str, Any], bool]) -> str | None:
    """The first entry all of whose keys have values that `has` accepts, by bare key; None where there is none."""
    entries = {str(choice): values_of({axis: choice}) for choice in finite_values(axis, dist)}
    fitting = (choice for choice, values in entries.items() if all(has(key, value) for key, value in values.items()))
    return next(fitting, None)


def conditions_on_rows(conditions: Mapping[str, Any], swept: Mapping[str, Distribution]) -> dict[str, Any]:
    """Conditions on a key of a list, as conditions on its entries: those in which the key has one of the values.

    Raises UserError for a condition of a key of the list, which is swept wherever its entry is.
    """
    axis = axis_in(swept)
    if axis is None:
        return dict(conditions)
    keys = {bare(key) for key in config_keys({axis: swept[axis]})}
    read: dict[str, Any] = {}
    for key, wanted in conditions.items():
        if bare(key) in keys:
            raise UserError(
                f"hydra.sweeper.conditions.{key}: {key} is a key of {axis}, whose entries say where it is set. "
                "Remove one of the two."
            )
        read[key] = _on_entries(wanted, axis, swept[axis], keys) if isinstance(wanted, Mapping) else wanted
    return read


def _on_entries(wanted: Mapping[str, Any], axis: str, dist: Distribution, keys: set[str]) -> dict[str, Any]:
    others = {other: values for other, values in wanted.items() if other not in keys}
    for_keys = {other: values for other, values in wanted.items() if other in keys}
    if not for_keys:
        return others
    allowed = {
        key: {in_grammar(value) for value in (values if isinstance(values, (list, tuple)) else [values])}
        for key, values in for_keys.items()
    }
    entries = {choice: values_of({axis: choice}) for choice in finite_values(axis, dist)}
    fitting = [
        chosen(choice)
        for choice, entry in entries.items()
        if all(key in entry and in_grammar(entry[key]) in texts for key, texts in allowed.items())
    ]
    return {**others, axis: fitting}
