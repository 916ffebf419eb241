"""A function that workers cannot import is refused before anything exists; one that they can, runs."""

import subprocess
import sys

import pytest

CONFIG = """
defaults: [_self_, {override hydra/sweeper: optuna}, {override hydra/sweeper/sampler: grid}]
hydra:
  sweep: {dir: out}
  sweeper: {n_trials: null, params: {x: "choice(1, 2)"}, report_every_seconds: null}
x: 0
"""
HEAD = """
import functools
import sys
import hydra

main = hydra.main(version_base="1.3", config_path=CONF, config_name="config")
"""
JOB = "@main\ndef job(cfg):\n    return cfg.x\n"
GUARD = 'if __name__ == "__main__":\n'
RUN = GUARD + "    job()\n"
DOUBLED = "def doubled(f):\n    WRAPS\n    def inner(cfg):\n        return 2 * f(cfg)\n    return inner\n"

REFUSED = {
    "nested": "def make():\n    @main\n    def job(cfg):\n        return cfg.x\n    return job\n"
    + GUARD
    + "    make()()\n",
    "nested twice": "def run():\n    def job(cfg):\n        return cfg.x\n    main(job)()\n" + GUARD + "    run()\n",
    "lambda": GUARD + "    main(lambda cfg: cfg.x)()\n",
    "no guard": JOB + "job()\n",
    "no guard around what calls it": JOB + "def run():\n    job()\ndef start():\n    run()\nsys.exit(start())\n",
    "in a condition": JOB + "if len(sys.argv) > 1:\n    job()\n",
    "under the guard": GUARD + "".join(f"    {line}\n" for line in JOB.splitlines()) + "    job()\n",
    "assigned under the guard": "def work(cfg):\n    return cfg.x\n"
    + GUARD
    + "    job = main(lambda cfg: 1)\n    job()\n",
    "method": "class Work:\n    def job(self, cfg):\n        return cfg.x\n" + GUARD + "    main(Work().job)()\n",
}
TAKEN = {
    "plain": (JOB + RUN, 1),
    "two guards": (JOB + 'if __name__ != "__main__":\n    pass\nelse:\n    job()\n', 1),
    "called in a function": (JOB + "def run():\n    job()\n" + GUARD + "    run()\n", 1),
    "own decorator": (DOUBLED.replace("WRAPS", "@functools.wraps(f)") + "@main\n@doubled\n" + JOB[6:] + RUN, 2),
    "own decorator without a name": (DOUBLED.replace("WRAPS", "") + "@main\n@doubled\n" + JOB[6:] + RUN, 2),
    "partial": ("def work(n, cfg):\n    return n * cfg.x\njob = main(functools.partial(work, 3))\n" + RUN, 3),
    "an object": ("class Work:\n    def __call__(self, cfg):\n        return 4 * cfg.x\njob = main(Work())\n" + RUN, 4),
    "another name": ("def work(cfg):\n    return cfg.x\nstart = main(work)\n" + GUARD + "    start()\n", 1),
}


@pytest.fixture
def script(program):
    def make(body: str):
        app = program("", CONFIG)
        text = HEAD.replace("CONF", repr(str(app.folder / "conf"))) + body
        return app, text

    return make


def check_refused(app, output: str) -> None:
    assert "worker processes cannot import" in output
    assert "hydra.sweeper.slots=false" in output
    assert "Traceback" not in output
    assert not (app.folder / "out").exists()


@pytest.mark.parametrize("case", REFUSED)
def test_what_workers_cannot_import_is_refused_before_anything_exists(script, case):
    app, text = script(REFUSED[case])
    (app.folder / "app.py").write_text(text)
    check_refused(app, app.run(code=1))
    app.run("hydra.sweeper.slots=false")


@pytest.mark.parametrize("way", ["-c", "-", "package", "folder"])
def test_what_is_typed_in_or_is_a_packages_main_part_is_refused(script, way):
    app, text = script(JOB + RUN)
    (app.folder / "pkg").mkdir()
    (app.folder / "pkg" / "__main__.py").write_text(text)
    command = {"-c": ["-c", text], "-": ["-"], "package": ["-m", "pkg"], "folder": ["pkg"]}[way]
    ended = subprocess.run(
        [sys.executable, *command, "-m"],
        input=text if way == "-" else None,
        cwd=app.folder,
        env=app.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    check_refused(app, ended.stdout)


@pytest.mark.parametrize("case", TAKEN)
def test_what_workers_can_import_is_what_runs(script, case):
    body, factor = TAKEN[case]
    app, text = script(body)
    (app.folder / "app.py").write_text(text)
    app.run()
    assert sorted(trial.value for trial in app.study().trials) == [factor, 2 * factor]


def test_a_launcher_that_cannot_be_made_is_refused_before_anything_exists(script):
    pytest.importorskip("hydra_plugins.hydra_submitit_launcher")
    app, text = script(JOB + RUN)
    (app.folder / "app.py").write_text(text)
    output = app.run("hydra/launcher=submitit_local", "hydra.launcher._target_=no.Launcher", code=1)
    assert "no.Launcher" in output
    assert not (app.folder / "out").exists()
