"""Jobs of a plain grid that differ in their seed alone, as one row."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from vae.cli.grid_run import GridRun
from vae.nested import bare
from vae.report.read.seeds import SEED, alike_but_for_seeds, shared_name
from vae.states import RunState
from vae.sweep.study.seeds import deviation
from vae.text import counted, measured_text, seconds_text


@dataclass(frozen=True)
class SeedRow:
    """The jobs of one configuration."""

    jobs: Sequence[GridRun]

    @property
    def values(self) -> list[float]:
        """Of the jobs that are complete, in their order."""
        done = [job.value for job in self.jobs if job.state == RunState.COMPLETE]
        return [value for value in done if value is not None]

    @property
    def name(self) -> str:
        """The numbers of its jobs: `0–4`."""
        return shared_name([str(job.number) for job in self.jobs])

    @property
    def label(self) -> str:
        """Its swept values, without the seed."""
        return " ".join(f"{bare(key)}={value}" for key, value in self.settings.items() if value is not None)

    @property
    def settings(self) -> dict[str, str | None]:
        """Swept key -> its value, without the seed; None for a key that these jobs do not set."""
        return {key: value for key, value in self.jobs[0].settings.items() if bare(key) != SEED}

    @property
    def figure(self) -> str:
        """Mean and standard deviation; "" where no job is complete."""
        return measured_text(fmean(self.values), deviation(self.values)) if self.values else ""

    @property
    def in_words(self) -> str:
        """The figure with how many seeds it is of."""
        return f"{self.figure}, mean and deviation of {counted(len(self.values), 'seed')}"

    def cells(self, is_best: bool) -> list[str]:
        """Numbers, state, value, seeds, seconds of a job, settings: for `columns_that_fit`."""
        states = [str(job.state) for job in self.jobs]
        state = "best" if is_best else states[0] if len(set(states)) == 1 else "mixed"
        seconds = [taken for job in self.jobs if (taken := job.figures()[2]) is not None]
        each = seconds_text(fmean(seconds)) if seconds else ""
        return [
            self.name,
            state,
            self.figure,
            str(len(self.values)),
            each,
            *(value or "" for value in self.settings.values()),
        ]


def seed_rows(jobs: Sequence[GridRun]) -> list[SeedRow]:
    """A row for each configuration, in the order of the jobs; [] where no two jobs differ in their seed alone."""
    groups = alike_but_for_seeds([{bare(key): value for key, value in job.settings.items()} for job in jobs])
    return [SeedRow([jobs[i] for i in group]) for group in groups] if len(groups) < len(jobs) else []


def best_row(rows: Sequence[SeedRow]) -> SeedRow | None:
    """The row of the largest mean; None where fewer than two have one."""
    done = [row for row in rows if row.values]
    return max(done, key=lambda row: fmean(row.values)) if len(done) > 1 else None
