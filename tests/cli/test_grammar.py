"""What Hydra accepts, the pre-flight accepts, with the same config for each job; what Hydra refuses has a message.

The table has every form of Hydra's grammar for overrides; the oracle is Hydra itself, which runs the same program.
"""

import itertools
import logging
import re
import sys
import warnings
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import hydra
import pytest
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from vae.cli import rehearsal, train
from vae.cli.arguments import expand
from vae.cli.mistakes import explain
from vae.config import RunConfig, conf_dir, record_of, typed
from vae.config.composed import CONFIG_ERRORS, as_in_job
from vae.config.quoting import typed_value
from vae.errors import UserError
from vae.sweep.space.distributions import chosen, finite_values
from vae.sweep.space.space import read_space

BASE = ["data=digits", "tracking=none", "study=s", "hydra.run.dir=r"]
OF_A_JOB = "study=${hydra:runtime.choices.model}"
"""Names the folder of a multirun by what is known in a job alone: Hydra fails in the midst of it, or, where a process
has run a job before, takes the facts of that."""
OWN = "model=own model.name=nets:net"
SINGLE: list[str | tuple[str]] = [
    # basic overrides, with each prefix
    "seed=3", "+seed=3", "++seed=3", "~seed", "~notes=''", "seed=1 seed=2", "+nope=1", "++nope=1", "nope=1",
    # config groups and packages
    "model=conv", "+model=conv", "++model=conv", "~model", "~model=mlp", "~model=conv", "model@x=conv",
    "model@_global_=conv", "+model@x=conv", "trainer=debug", "experiment=small", "experiment=[small,wide]",
    "+experiment=small", "~experiment", "optimizer=nope", "nope=mlp", "optimizer@optimizer=sgd",
    "hydra/launcher=basic", "hydra/sweeper=basic",
    # quotes, escapes, spaces, characters of unquoted values
    "notes='hello there'", 'notes="hello there"', ("notes=hello there",), "notes=", "notes=''", "notes='it\\'s'",
    'notes="a\\"b"', "notes=a\\,b", "notes=\\(x\\)\\[\\]\\{\\}\\:\\=", "notes=a\\\\b", ("notes=\\ a\\ ",),
    "notes=a:b", "notes=a/b.c-d%e+f@g?h|i*", "notes='${seed}'", "notes='\\${seed}'", "notes='a", "notes=[a",
    "notes=a)",
    # null, bool, numbers
    "notes=null", "data.root=null", "data.root=NULL", "seed=null", "seed=1_000", "seed=+3", "seed=-3", "seed=1.0",
    "seed=a", "optimizer.lr=1e-3", "optimizer.lr=1_0e-4", "optimizer.lr=1", "optimizer.lr=.5", "objective.beta=nan",
    "objective.beta=inf", "objective.beta=-INF", "notes=nan", "notes=-inf", "notes=true", "model.conditional=FALSE",
    "model.conditional=no", "model.conditional=0", "model.conditional=maybe",
    # lists and dicts
    "tracking=wandb tracking.tags=[a,'b c',1.5]", "tracking=wandb tracking.tags=[]", "tracking=wandb tracking.tags=a",
    "tracking=wandb +tracking.tags=[a]", "notes=[a]", "notes={a:1}", f"{OWN} +model.parameters.a=1",
    f"{OWN} +model.parameters.a=[1,[2,null],{{b:nan}}]", f"{OWN} model.parameters={{}}",
    f"{OWN} +model.parameters={{a:{{b:c}}}}", f"{OWN} model.parameters.a=1", f"{OWN} +model.parameters.a=${{seed}}",
    # interpolations and resolvers
    "notes=${seed}", "notes=a${seed}b${model.latent_size}", "notes=${.seed}", "notes=${model[latent_size]}",
    "notes=${nope}", "notes=${hydra:runtime.cwd}", "notes='${hydra:runtime.cwd}/x'", "notes=${hydra:job.name}",
    "notes=${hydra:job.num}", "notes=${hydra:runtime.output_dir}", "notes=${hydra:mode}", "notes=${hydra:sweep.dir}",
    "notes=${hydra:runtime.choices.model}", OF_A_JOB, "notes=${oc.env:HOME}",
    "notes=${oc.env:NOT_SET,none}", "notes=${oc.env:NOT_SET}", "notes=${now:%Y}", "notes=${oc.select:seed}",
    "notes=${oc.decode:'3'}", "notes=${nope:1}", "notes=${", "model.latent_size=${data.batch_size}",
    "+hydra.job.env_set.MINE=bar notes=${oc.env:MINE}",
    # functions
    "seed=int(3.7)", "seed=int('3')", "notes=str(3)", "optimizer.lr=float(1)", "model.conditional=bool(1)",
    "seed=int(a)", "notes=json_str({a:1})", "notes=extend_list(1)", "seed=foo(1)", "seed=int(",
    # Hydra's own settings
    "hydra.run.dir=here", "hydra.sweep.dir=there", "hydra.sweep.subdir=${hydra.job.num}", "hydra.job.chdir=true",
    "hydra.verbose=true", "hydra.output_subdir=null", "hydra/job_logging=none", "hydra.job.name=x", "hydra.nope=1",
    "hydra.searchpath=[file://mine]", "hydra.searchpath=3", "~hydra.job.chdir", "hydra.mode=RUN", "hydra.mode=1",
    "hydra.mode=MULTIRUN", "hydra.mode='MULTIRUN'", "++hydra.mode=MULTIRUN", "hydra.mode=NOPE",
    "+hydra.job.env_copy=[HOME]", "experiment=many", "experiment=many seed=4,5",
]  # fmt: skip
SWEEPS = [
    "seed=1,2", "seed=1,2,3", "seed='1,2'", "notes='a,b'", "notes=a,'b c',\"d\"", "notes=a\\,b,c", "seed=1,1",
    "seed=1,", "seed=,1", "+seed=1,2", "++seed=1,2", "~seed=1,2", "seed=1,2 seed=3", "seed=choice(1,2)",
    "notes=choice(a,'b')", "seed=choice()", "seed=choice(choice(1,2),3)", "seed=range(1,3)", "seed=range(3)",
    "seed=range(1,8,3)", "seed=range(3,1,-1)", "seed=range(start=1,stop=7,step=2)", "optimizer.lr=range(0.1,0.4,0.1)",
    "seed=range(1,1)", "seed=range(a,b)", "seed=range(1,2,0)", "optimizer.lr=interval(0.1,1)", "seed=interval(a,1)",
    "model=mlp,conv", "model=choice(mlp)", "model=glob(c*)", "model=glob([m*,c*])", "model=glob(*,exclude=[h*,own])",
    "model=glob(include=[m*])", "model=glob(z*)", "experiment=glob(s*)", "experiment=[small],[wide,small]",
    "experiment=small,nope", "seed=shuffle(1,2,3)", "seed=shuffle(range(1,4))", "seed=shuffle(list=[1,2])",
    "model=shuffle(mlp,conv)", "seed=sort(3,1,2)", "seed=sort(3,1,2,reverse=true)", "seed=sort(range(3))",
    "seed=sort(choice(3,1))", "seed=sort(1,a)", "model=sort(mlp,conv)", "seed=tag(a,b,choice(1,2))",
    "seed=tag(tags=[a],sweep=choice(1,2))", "seed=tag(choice(1,2))", "optimizer.lr=tag(log,interval(1e-4,1))",
    "optimizer.lr=float(1,2)", "seed=int(1.5,2.5)", "seed=int(range(1.0,3.0))", "notes=str(1,2)",
    "notes=str(range(1,3))", "model.conditional=false,no", "notes=${seed},b", "notes=${hydra:job.num},b",
    "data.root=null,.", "seed=(1)", "tracking=wandb tracking.tags=[a],[b,c]", "tracking=none,wandb",
    "seed=shuffle(range(1,2,0))", "data.validation=5,0.2", "model=mlp,conv seed=1,2", "study=a,b", "hydra.run.dir=a,b",
    "hydra/launcher=basic,basic", "model=1,2", "seed=choice(1,2", "objective.beta=0.5,1e0",
]  # fmt: skip
FLAGS = [[], ["--config-dir=mine"], ["--config-name=other", "--config-dir=mine"], ["-cd", "mine"], ["--run"]]
FILES = {
    "mine/experiment/small.yaml": "# @package _global_\nmodel: {latent_size: 3}\n",
    "mine/experiment/wide.yaml": "# @package _global_\nmodel: {hidden_size: 9}\n",
    "mine/experiment/many.yaml": "# @package _global_\nhydra: {mode: MULTIRUN}\n",
    "mine/other.yaml": "defaults: [config, _self_]\nseed: 7\n",
}
MORE_THAN_HYDRA = ("notes='a", "notes=a)", "notes=${")
"""Text that Hydra's grammar cannot read and no override was meant by: it is taken as it is."""


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "nets.py").write_text("def net(*_, **__): raise AssertionError\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NOT_SET", raising=False)
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    monkeypatch.setattr("vae.report.live.GridReport", Callback)
    GlobalHydra.instance().clear()
    HydraConfig.instance().cfg = None


def hydras(arguments: Sequence[str], monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]] | None:
    """The config of each job that Hydra runs; None where it, or a bound of the schema, refuses."""
    jobs: list[dict[str, Any]] = []

    def record(config: DictConfig) -> None:
        jobs.append(record_of(typed(config)))

    record.__module__ = train.__name__
    monkeypatch.setattr(sys, "argv", ["vae", *arguments])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that -m wins over hydra.mode=RUN
            hydra.main(version_base="1.3", config_path=conf_dir(), config_name="config")(record)()
    except (Exception, SystemExit):
        return None
    finally:
        GlobalHydra.instance().clear()
        HydraConfig.instance().cfg = None
    return jobs or None


def ours(
    arguments: Sequence[str], monkeypatch: pytest.MonkeyPatch
) -> tuple[list[dict[str, Any]], list[dict[str, Any]] | None, list[str]]:
    """What the pre-flight prepares, the config of each job of a grid, and what Hydra is given. Raises UserError."""
    prepared: list[dict[str, Any]] = []

    def prepare(config: RunConfig) -> None:
        prepared.append(record_of(config))

    monkeypatch.setattr("vae.run.wiring.prepare", prepare)
    try:
        given = expand(arguments)
        asked = rehearsal.rehearse_run(given)
        grid = asked.multirun.grid if asked and asked.multirun else None
        jobs = None
        if grid:
            jobs = []
            for number in range(len(grid.overrides)):
                with as_in_job(grid.config(number), number) as seen:
                    jobs.append(record_of(typed(seen)))
        return prepared, jobs, given
    except CONFIG_ERRORS as error:
        raise error if isinstance(error, UserError) else explain(error) from error


def cases() -> list[tuple[str, ...]]:
    flags = itertools.cycle(FLAGS)
    rows = [(form, []) for form in SINGLE] + [(form, ["-m"]) for form in SWEEPS] + [(form, []) for form in SWEEPS[::9]]
    again = [form for i, form in enumerate(SINGLE) if i % 3 == 0 or "${" in form or "hydra" in form]
    rows += [(form, ["-m"]) for form in again if form != OF_A_JOB]
    table = []
    for form, multirun in rows:
        words = form if isinstance(form, tuple) else form.split(" ")
        options = [] if multirun and "--run" in (chosen := next(flags)) else chosen if multirun else next(flags)
        if any(word in str(form) for word in ("small", "many")):
            options = ["--config-dir=mine"]
        table.append((*options, *multirun, *BASE, *words))
    return table


def test_a_multirun_is_not_named_by_a_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UserError, match=r"hydra.sweep.dir.*before it knows of a job"):
        ours(["-m", *BASE, OF_A_JOB, "seed=1,2"], monkeypatch)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("arguments", cases(), ids=lambda each: " ".join(w for w in each if w not in BASE))
def test_what_hydra_accepts_is_accepted_and_nothing_else(
    arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, refusal = sorted(tmp_path.rglob("*")), ""
    try:
        prepared, jobs, given = ours(arguments, monkeypatch)
    except UserError as error:
        refusal = str(error)
    assert sorted(tmp_path.rglob("*")) == before
    if refusal:
        assert len(refusal) > 10
        assert not re.search("Traceback|object_type|full_key", refusal)
        assert hydras(arguments, monkeypatch) is None, refusal
        return
    if arguments[-1] in MORE_THAN_HYDRA:
        arguments = tuple(given)
    wanted = hydras(arguments, monkeypatch)
    assert wanted is not None, prepared
    shown = sorted(map(str, wanted))
    assert {*map(str, prepared)} <= {*shown}
    assert prepared if jobs else list(map(str, prepared)) == shown
    assert jobs is None or sorted(map(str, jobs)) == shown
    if "shuffle" not in str(arguments):
        assert jobs is None or list(map(str, jobs)) == list(map(str, wanted))


NOT_IN_A_SEARCH = ("hydra", "model=glob", "experiment", "optimizer.lr=range(0.1")
"""Settings of Hydra itself; what needs Hydra's options; and a range in whose rounding Hydra takes the stop, too."""


@pytest.mark.parametrize("form", [form for form in SWEEPS if " " not in form and not form.startswith(NOT_IN_A_SEARCH)])
def test_a_search_has_the_values_that_a_grid_has(form: str) -> None:
    values: list[Any] = []
    with suppress(Exception):  # no grid either
        override = OverridesParser.create().parse_override(form)
        if not override.is_discrete_sweep():
            return
        values = [typed_value(f"x={text}") for text in override.sweep_string_iterator()]
    if form.startswith("~") or not values or len(values) > len({*map(str, values)}):
        with pytest.raises(UserError):
            read_space({}, [form])
        return
    (item,) = read_space({}, [form]).params.items()
    assert sorted(map(str, map(chosen, finite_values(*item)))) == sorted(map(str, values))


@pytest.mark.parametrize(
    "words",
    ["--cfg job", "--cfg job --resolve model=conv", "--cfg job --package model", "--cfg hydra", "-c job -p data seed=3",
     "--info searchpath", "--info defaults", "-c job --config-dir mine experiment=small", "-cn other -cd mine -c job"],
)  # fmt: skip
def test_what_hydra_shows_is_shown(
    words: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    arguments = ["study=s", "hydra.run.dir=r", *words.split()]
    options = [each for each in arguments if "=" not in each], [each for each in arguments if "=" in each]
    monkeypatch.setattr(sys, "argv", ["vae", *options[0], *options[1]])
    hydra.main(version_base="1.3", config_path=conf_dir(), config_name="config")(train.job.__wrapped__)()
    wanted = capfd.readouterr().out
    GlobalHydra.instance().clear()
    for handler in logging.getLogger().handlers[:]:
        if type(handler) is logging.StreamHandler:
            logging.getLogger().removeHandler(handler)
    monkeypatch.setattr(sys, "argv", ["vae", *arguments])
    train.main()
    assert capfd.readouterr().out.replace("Setting JobRuntime:name=train\n", "") == wanted  # for each loader
