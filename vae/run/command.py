"""How a run was asked for: recorded in its folder, and said again to go on with it."""

import json
from dataclasses import asdict
from pathlib import Path

from vae.config.command_line import interpreter
from vae.config.quoting import command, literal, override
from vae.config.trust import allowing_overrides, override_values
from vae.files import write_whole
from vae.run.folder import COMMAND_FILE, Command


def write_command(folder: Path, asked: Command) -> None:
    """Writes command.json. Raises StorageError."""
    write_whole(folder / COMMAND_FILE, lambda file: json.dump(asdict(asked), file, ensure_ascii=False, indent=1))


def resume_command(shown: str, asked: Command) -> str:
    """The line that goes on with a run in the folder `shown`: what is not in its record is repeated."""
    return command(
        [
            *(interpreter(), "-m", "vae"),
            *asked.options,
            override("trainer.resume", literal(shown)),
            *allowing_overrides(override_values(asked.overrides)),
        ]
    )
