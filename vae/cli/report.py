"""The command `vae-report DIR`, which writes the report of a study, a grid or a run."""

import argparse
import os
from pathlib import Path

from vae.cli.exits import announce, mistakes_explained, warn
from vae.errors import UserError
from vae.report.watch import WRITE_EVERY_SECONDS, watch_folder, write_report


def main() -> None:
    """Entry point of `vae-report DIR`."""
    parser = argparse.ArgumentParser(
        prog="vae-report",
        description="Writes DIR/report.html, one self-contained page: the runs of a study or of a grid, compared.",
    )
    parser.add_argument("folder", metavar="DIR", help="a study's folder, its name in multirun/, or a run's folder")
    parser.add_argument("--sync", action="store_true", help="upload the W&B runs that the server does not have yet")
    parser.add_argument(
        "--wandb", action="store_true", help="also make a workspace, a report and a sweep page on the W&B server"
    )
    parser.add_argument("--watch", action="store_true", help="rewrite it as the runs change, until standard input ends")
    parser.add_argument(
        "--every", type=float, default=WRITE_EVERY_SECONDS, metavar="SECONDS", help="with --watch: how often"
    )
    arguments = parser.parse_args()
    with mistakes_explained():
        if arguments.watch:
            watch_folder(Path(arguments.folder), arguments.every)
            return
        announce(f"reading {arguments.folder} ...", "plotly")
        print(f"report {os.path.relpath(write_report(arguments.folder, warn))}")
        if arguments.sync:
            upload_runs(arguments.folder)
        if arguments.wandb:
            publish_pages(arguments.folder)


def upload_runs(study: str) -> None:
    """Uploads every W&B run of a study, given by its folder or name. Raises UserError, also where some runs failed."""
    from vae.report.read.places import find_folder
    from vae.tracking.wandb.sync import sync

    done = sync(find_folder(study))
    if done.failed:
        raise UserError(str(done))
    print(done)
    for link in done.links:
        print(link)


def publish_pages(study: str) -> None:
    """Makes the study's pages on the W&B server and prints their addresses. Raises UserError."""
    from vae.report.read.places import find_folder, read_records
    from vae.report.show.published import published_study
    from vae.tracking.wandb.workspace import publish

    folder = find_folder(study)
    for link in publish(published_study(read_records(folder), folder)):
        print(link)


if __name__ == "__main__":
    main()
