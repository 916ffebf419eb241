"""Which executor runs the trials of a sweep: slots, or batches of a launcher."""

from vae.sweep.execution.launcher_batches import LauncherBatches
from vae.sweep.execution.program import HydraProgram
from vae.sweep.execution.slots import Slots
from vae.sweep.settings import Sweeper


def uses_slots(program: HydraProgram, settings: Sweeper) -> bool:
    """Worker processes run the trials, unless they are switched off or another launcher was chosen."""
    return settings.slots and program.has_basic_launcher


def executor_text(program: HydraProgram, settings: Sweeper) -> str:
    """How trials are run: `2 slots`, `one at a time`, `joblib, 2 at a time`."""
    jobs = settings.n_jobs
    if uses_slots(program, settings):
        return f"{jobs} slot{'s' * (jobs > 1)}"
    if program.has_basic_launcher:
        return "one at a time"
    return f"{program.config.hydra.runtime.choices['hydra/launcher']}, {jobs} at a time"


def make_executor(program: HydraProgram, settings: Sweeper, objectives: int, total: float) -> Slots | LauncherBatches:
    """An executor for `total` trials that each return `objectives` numbers. Raises UserError."""
    if uses_slots(program, settings):
        capacity = int(min(settings.n_jobs, total))
        return Slots(program, capacity, objectives, timeout_seconds=settings.trial_timeout_seconds)
    # The basic launcher runs one job after the other: a batch would only make the sampler wait.
    capacity = 1 if program.has_basic_launcher else settings.n_jobs
    return LauncherBatches(program.launcher(), capacity, objectives, in_process=program.has_basic_launcher)
