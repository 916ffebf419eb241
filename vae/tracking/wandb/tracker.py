"""W&B as a run sees it: in a thread of its own, so that it cannot stop, hold up or fail the run."""

import os
from collections.abc import Callable, Mapping
from typing import Any

from vae.config.schema import WandbConfig
from vae.tracking.background import MOST_WAITING, Background
from vae.tracking.wandb.environment import wandb_mode
from vae.tracking.wandb.identity import RunIdentity, RunPlace, in_this_place, outer_agent
from vae.tracking.wandb.run import WandbRun, Warnings
from vae.tracking.wandb.server import end_service, first_line

START_SECONDS = 30.0
"""What a start may take on a busy machine besides `init_timeout_seconds`, with the return to offline."""


class WandbTracker(Background):
    """The W&B run of a folder, in the background. What goes wrong with it is one line on stderr.

    Args:
        settings: those of `tracking=wandb`.
        place: the run's folder, which keeps its id.
        record: the run's config.
        identity: what it is called; None continues a run that has ended, under its own name.
        say: prints a line, from any thread.
    """

    def __init__(
        self,
        settings: WandbConfig,
        place: RunPlace,
        record: Mapping[str, Any],
        identity: RunIdentity | None,
        say: Callable[[str], None],
    ) -> None:
        self._say, self._warn = say, Warnings()
        self._run: WandbRun | None = None

        def begin() -> WandbRun:
            self._run = WandbRun.start(settings, place, record, identity, self._warn)
            say(self._run.place)
            self._mention_agent(self._run, place.job)
            return self._run

        limits = in_this_place(settings, place.typed)
        super().__init__(begin, limits.init_timeout_seconds + limits.finish_timeout_seconds + START_SECONDS)

    def on_error(self, error: BaseException) -> None:
        self._warn(f"{first_line(error)}. The run continues without it; its metrics are in metrics.jsonl")

    def on_overflow(self) -> None:
        self._warn(f"it has taken nothing for {MOST_WAITING} calls; later metrics are in metrics.jsonl only", "queue")

    def on_wait(self) -> None:
        self._say(f"waiting for W&B, {self.limit_seconds:.0f} s at most (Ctrl-C leaves it) ...")

    def on_abandon(self) -> None:
        later = f"send it later with: {self._run.sync_command}" if self._run else "its metrics are in metrics.jsonl"
        self._warn(f"it does not end, and is left; {later}")
        end_service()

    def _mention_agent(self, run: WandbRun, job: int | None) -> None:
        """Says what an outer agent's run shows, where that is not what the agent expects."""
        agent = outer_agent()
        if agent and job == 0 and agent.run == run.id:
            self._say(f"W&B: the agent's run {run.id} shows this first job; each other job has a run of its own")
        elif agent and job is None and agent.run != run.id:
            self._say(f"W&B: this folder's run is {run.id}; the agent's run {agent.run} stays empty")


def is_off(settings: WandbConfig, say: Callable[[str], None]) -> bool:
    """Whether W&B was switched off where no mode was asked for; if so, says by what."""
    if wandb_mode(settings.mode) != "disabled":
        return False
    by = "WANDB_MODE=disabled" if os.environ.get("WANDB_MODE") else "`wandb disabled`; `wandb enabled` undoes it"
    say(f"W&B is off: {by}")
    return True
