"""Trials of several seeds: an executor whose jobs are trials, and whose trials are jobs of another engine.

    Engine of the search (asks, tells means) -> Seeds -> Engine of the jobs (one per seed) -> slots | launcher

The jobs are the trials of a study of their own, so that each has a lease, retries, a checkpoint to go on from and a
pruner by epoch, as every run of a sweep has. Everything that is known of a trial is read from that study, whoever wrote
it: another process, or this one before it was killed.
"""

from collections.abc import Sequence
from itertools import takewhile
from statistics import fmean
from threading import Event

from optuna.pruners import BasePruner
from optuna.trial import FrozenTrial, TrialState

from vae.sweep.attributes import CAUSE, FACTS, FIRST_SEED, FRESH_SEED, REASON, SEED_OF, SEEDS, WITHDRAWN
from vae.sweep.causes import Cause
from vae.sweep.execution.engine import Engine
from vae.sweep.execution.outcome import Outcome
from vae.sweep.study.ledger import Ledger
from vae.sweep.study.seeds import facts_over_seeds, recorded_facts
from vae.text import counted

_RUNNING = (TrialState.RUNNING, TrialState.WAITING)


class Seeds:
    """Runs each trial of a search once per seed, one seed after the other, and as many trials at a time as there is
    room for runs. Where no further trial is wanted, what is left of the room goes to further seeds of those that run.

    Args:
        jobs: runs the single jobs; its executor's capacity is that of this one.
        trials: the ledger of the search.
        seeds: the seeds, in their order; a trial's step i is its value with seed i.
        race: decides after each seed whether a trial gets another; None: always.
        leave_out: recorded facts that tell the seeds of a trial apart.
        asked_to_stop: ends the jobs.
    """

    def __init__(
        self,
        jobs: Engine,
        trials: Ledger,
        seeds: Sequence[int],
        race: BasePruner | None,
        leave_out: Sequence[str],
        asked_to_stop: Event,
    ) -> None:
        self._jobs, self._trials, self._seeds, self._race = jobs, trials, seeds, race
        self._leave_out, self._asked_to_stop = leave_out, asked_to_stop
        self._held: list[int] = []
        """Numbers of the trials that run here, in the order in which they were begun."""
        self._capacity = jobs.executor.free()

    def free(self) -> int:
        """How many trials can begin now."""
        return self._capacity - len(self._held)

    def busy(self) -> bool:
        """Whether any trial runs."""
        return bool(self._held)

    def start(self, number: int, overrides: Sequence[str]) -> None:
        """Begins a trial, or goes on with one: the overrides are those of its jobs, which find their own."""
        self._held.append(number)

    def wait(self, timeout_seconds: float) -> list[tuple[int, Outcome]]:
        """Trials that have ended with all their seeds, or earlier."""
        self._queue()
        self._jobs.turn(self._asked_to_stop)
        ended = []
        for number, of_seeds in self._of_seeds().items():
            outcome = self._outcome(number, of_seeds)
            if outcome is not None:
                self._held.remove(number)
                self._withdraw(number, of_seeds)
                ended.append((number, outcome))
        return ended

    def stop(self) -> None:
        """Ends the jobs; what they had reached waits in their study for whoever goes on."""
        self._jobs.executor.stop()
        self._jobs.ledger.release_all()

    def _of_seeds(self) -> dict[int, dict[int, FrozenTrial]]:
        """Trial held here -> seed -> its job, in the order of the seeds."""
        jobs = {
            (job.user_attrs.get(SEED_OF), job.user_attrs.get(FRESH_SEED)): job
            for job in self._jobs.ledger.trials()
            if job.user_attrs.get(CAUSE) != WITHDRAWN
        }
        return {
            number: {seed: jobs[number, seed] for seed in self._seeds if (number, seed) in jobs}
            for number in self._held
        }

    def _queue(self) -> None:
        """Queues the next seed of each trial that has none under way, then further ones where there is room."""
        of_seeds = self._of_seeds()
        under_way = {n: sum(job.state in _RUNNING for job in jobs.values()) for n, jobs in of_seeds.items()}
        waiting = sum(job.state == TrialState.WAITING for jobs in of_seeds.values() for job in jobs.values())
        room = self._jobs.executor.free() - waiting
        for number, jobs in sorted(of_seeds.items(), key=lambda item: under_way[item[0]]):
            left = [seed for seed in self._seeds if seed not in jobs]
            wanted = left[: max(room, 0) if under_way[number] else 1]
            for seed in wanted:
                about = {SEED_OF: number, FRESH_SEED: seed, FIRST_SEED: seed == self._seeds[0]}
                self._jobs.ledger.enqueue(f"{number}/{seed}", self._trials.trial(number).params, about)
            room -= len(wanted)

    def _outcome(self, number: int, jobs: dict[int, FrozenTrial]) -> Outcome | None:
        """How a trial has ended; None while it goes on. What is known of it by now is kept with it."""
        for seed, job in jobs.items():
            if job.state == TrialState.FAIL:
                return _failure(seed, job)
        # The seeds in their order, so that the race does not depend on which of them is done first.
        done = dict(takewhile(lambda of_seed: of_seed[1].state == TrialState.COMPLETE, jobs.items()))
        pruned = next((seed for seed, job in jobs.items() if job.state == TrialState.PRUNED), None)
        new = self._keep(number, done)
        if pruned is not None:
            last = jobs[pruned].value
            self._report_mean(number, [*(job.values[0] for job in done.values()), *([] if last is None else [last])])
            return Outcome(Cause.PRUNED, reason=f"its run with seed {pruned} was pruned")
        if len(done) == len(self._seeds):
            columns = zip(*(job.values for job in done.values()), strict=True)
            return Outcome(Cause.COMPLETE, tuple(fmean(column) for column in columns))
        if new and self._race and self._race.prune(self._trials.study, self._trials.trial(number)):
            self._report_mean(number, [job.values[0] for job in done.values()])
            return Outcome(Cause.PRUNED, reason=f"worse than the best after {counted(len(done), 'seed')}")
        return None

    def _keep(self, number: int, done: dict[int, FrozenTrial]) -> bool:
        """Keeps the values with a trial, and the means of what its jobs recorded. Returns whether any is new."""
        known = self._trials.trial(number)
        if len(known.user_attrs.get(SEEDS, {})) == len(done):
            return False
        facts = facts_over_seeds([recorded_facts(job) for job in done.values()], self._leave_out)
        values = {str(seed): list(job.values) for seed, job in done.items()}
        self._trials.note(number, {FACTS: facts, SEEDS: values})
        if len(self._trials.study.directions) == 1:
            for seed, (value,) in values.items():
                step = self._seeds.index(int(seed)) + 1
                if step not in known.intermediate_values:
                    self._trials.report(number, step, value)
        return True

    def _report_mean(self, number: int, values: Sequence[float]) -> None:
        """What a sampler sees of a trial that gets no further seed: the last value reported, here that of all."""
        if values and len(self._trials.study.directions) == 1:
            self._trials.report(number, len(self._seeds) + 1, fmean(values))

    def _withdraw(self, number: int, jobs: dict[int, FrozenTrial]) -> None:
        """Takes back what waits of a trial that has ended."""
        for job in jobs.values():
            if job.state == TrialState.WAITING:
                self._jobs.ledger.withdraw(job.number, f"trial {number} has ended")


def _failure(seed: int, job: FrozenTrial) -> Outcome:
    """The end of a trial of which a run has failed: a mean of the others would be that of the lucky ones."""
    reason = str(job.user_attrs.get(REASON, "no reason recorded"))
    cause = str(job.user_attrs.get(CAUSE, ""))
    known = Cause(cause) if cause in set(Cause) else Cause.ERROR
    return Outcome(
        Cause.ERROR if known == Cause.LOST else known, reason=f"with seed {seed}: {reason}", signature=reason
    )
