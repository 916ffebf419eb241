"""Copies conf/ into the wheel as vae/conf; everything else is in setup.cfg."""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithConf(build_py):
    """An editable install reads conf/ where it lies, a wheel carries a copy inside the package."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            self.copy_tree(str(Path("conf")), str(Path(self.build_lib) / "vae" / "conf"))


setup(cmdclass={"build_py": BuildWithConf})
