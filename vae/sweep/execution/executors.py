"""Which executor runs the trials of a sweep: slots, or batches of a launcher."""

from omegaconf import OmegaConf

from vae.sweep.execution.cores import crowding, threads_of_slot
from vae.sweep.execution.launcher_batches import LauncherBatches
from vae.sweep.execution.program import HydraProgram
from vae.sweep.execution.reference import reference_to, refuse_unpicklable
from vae.sweep.execution.slots import Slots
from vae.sweep.settings import Sweeper
from vae.text import counted

WORKERS_START = "worker processes start: each imports the program before its first job ..."
"""Said before the first job of slots: nothing else is seen of them for some seconds."""


def uses_slots(program: HydraProgram, settings: Sweeper) -> bool:
    """Worker processes run the trials, unless they are switched off or another launcher was chosen."""
    return settings.slots and program.has_basic_launcher


def executor_text(program: HydraProgram, settings: Sweeper) -> str:
    """How trials are run: `2 slots`, `one at a time`, `joblib, 2 at a time`."""
    jobs = settings.n_jobs
    if uses_slots(program, settings):
        return counted(jobs, "slot")
    if program.has_basic_launcher:
        return "one at a time"
    return f"{program.config.hydra.runtime.choices['hydra/launcher']}, {jobs} at a time"


def crowding_text(program: HydraProgram, settings: Sweeper) -> str:
    """A line where the slots have more threads than the machine has cores, or others compute on them; "" elsewhere."""
    if not uses_slots(program, settings):
        return ""
    key, threads = settings.threads_key, threads_of_slot(settings.n_jobs)
    given = OmegaConf.select(program.config, key) if key else None
    return crowding(settings.n_jobs, given if isinstance(given, int) and given else threads, key)


def refuse_unreachable(program: HydraProgram, settings: Sweeper) -> None:
    """Raises UserError if the processes that are to run the trials could not get the program's function.

    Raises what Hydra raises if the launcher cannot be made.
    """
    if uses_slots(program, settings):
        reference_to(program.task)
        refuse_unpicklable(program.context)
    else:
        program.launcher(objectives=1)


def make_executor(program: HydraProgram, settings: Sweeper, objectives: int, total: float) -> Slots | LauncherBatches:
    """An executor for `total` trials that each return `objectives` numbers. Raises UserError."""
    if uses_slots(program, settings):
        capacity = int(min(settings.n_jobs, total))
        return Slots(program, capacity, objectives, timeout_seconds=settings.trial_timeout_seconds)
    # The basic launcher runs one job after the other: a batch would only make the sampler wait.
    capacity = 1 if program.has_basic_launcher else settings.n_jobs
    return LauncherBatches(program, capacity, objectives)
