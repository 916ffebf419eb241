"""What a command says to a mistake: a table of every kind, and never a traceback."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from support import Result

from vae.cli import evaluate
from vae.cli.mistakes import explain
from vae.cli.space_words import as_space
from vae.config import conf_dir
from vae.config.composed import CONFIG_ERRORS, composing
from vae.config.schema import SCHEMA, names_of

Vae = Callable[..., Result]
GLOBAL = "# @package _global_\n"


def said(done: Result, message: str, code: int = 2) -> None:
    assert done.code == code, done
    assert re.search(message, done.err, re.DOTALL), done
    assert "Traceback" not in done.err
    assert "object_type" not in done.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("-m seed=range(1,1)", "there is no value in it. A range ends before its stop"),
        ("hydra.mode=MULTIRUN seed=range(1,1)", "there is no value in it"),
        ("-m model=glob(z*)", "there is no value in it"),
        ("-m seed=interval(0,1)", "an interval has infinitely many values.* add sweep=tpe"),
        ("model=1e3", "model=1e3: no such option. Choices: conv"),
        ("model=null", "model=null: no such option. Choices: conv"),
        ("model=[1]", "no such option"),
        ("-m model=1,2", "model=1: no such option. Choices: conv"),
        ("-m model=mlp,null", "no such option"),
        ("=3", "no such option"),
        ("hydra=3", "no such option"),
        ("data.name=os:fsencode", "os:fsencode was called with no settings, and raised TypeError.*Expected: a Source"),
        ("data.name=builtins:dict", "returned dict. Expected: a Source"),
        (
            "prior.name=os:fsencode",
            "called with no settings, and raised TypeError.*Expected: a Prior",
        ),
        ("likelihood.name=builtins:dict", "returned dict. Expected: a Likelihood"),
        ("prior=vamp prior.name=flow", "the keys are those of vamp.*prior=flow"),
        ("sweep._target_=x -m sweep=tpe", "Hydra has no such plugin"),
        ("hydra.launcher._target_=x -m seed=1,2", "Hydra has no such plugin"),
        ("notes=${oc.env:NOT_SET}", "notes: the environment variable NOT_SET is not set. Set it, or"),
        ("hydra.run.dir=${oc.env:NOT_SET}", "hydra.run.dir: the environment variable NOT_SET is not set"),
        ("notes=${nope}", "notes: Interpolation key 'nope' not found"),
        ("~optimizer.lr", "~optimizer.lr: a key of the config cannot be taken away"),
        ("tracking.tags=a", r"tracking.tags must be a list: tracking.tags=\[a,b\]"),
        ("tracking.tags={a:1}", "tracking.tags={a:1}: Cannot merge"),
        ("--run -m", "only one of these can be given"),
        ("--shell-completion -m", "only one of these can be given"),
        ("--resolve", "--resolve needs --cfg"),
        ("lr=1e-3", "lr: no such key.* Did you mean optimizer.lr"),
        ("model.lr=1e-3", "Did you mean optimizer.lr"),
        ("schedule=linear", "Did you mean objective.schedule or optimizer.schedule"),
        ("-m sweep=tpe lr=interval(0,1)", "Did you mean optimizer.lr"),
        ("sweep.n_trials=3", "sweep.n_trials: a setting of a search.* -m sweep=tpe"),
        ("-m sweep.n_trials=3", "sweep.n_trials: a setting of a search.* -m sweep=tpe"),
    ],
)
def test_a_mistake_has_a_message(
    arguments: str, message: str, vae: Vae, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NOT_SET", raising=False)
    said(vae(*arguments.split()), message)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("defaults: 3\n", "its defaults must be a list"),
        ("defaults:\n- {}\n", "cannot be used by path"),
        ("defaults:\n- override /model: null\n", "cannot be used by path"),
        ("defaults:\n- override /model: [mlp]\n", "cannot be used by path"),
        ("a b: 2\n", "`a b=2` cannot be an override"),
        ("null: 2\n", "cannot be read as YAML"),
        ("a: [\n", "cannot be read as YAML"),
        ("seed: {a: b}\n", "seed must be a whole number"),
    ],
)
def test_a_malformed_overlay_is_named(text: str, message: str, vae: Vae, tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(text)
    said(vae("experiment=x.yaml"), message)


@pytest.mark.parametrize(
    "text",
    ["defaults: 3\n", "defaults:\n- {}\n", "- 1\n", "a: [\n", "3\n", "model: 3\n", "# @package\nseed: 3\n", "\0: 3\n",
     "defaults:\n- override /model: {a: 3}\n", "a: &a [*a]\n", "seed: ${\n", "? [1]\n: 2\n"],
)  # fmt: skip
def test_a_malformed_config_has_a_message(text: str, vae: Vae, tmp_path: Path) -> None:
    folder = tmp_path / "mine" / "experiment"
    folder.mkdir(parents=True)
    (folder / "x.yaml").write_text(text if text.startswith("# ") else GLOBAL + text)
    said(vae("--config-dir=mine", "experiment=x"), "")


@pytest.mark.parametrize("recorded", ["- model=[1]", "- a=[", "- 3", "- seed=1,2", "- [a"])
def test_a_malformed_record_has_a_message(recorded: str, vae: Vae, tmp_path: Path) -> None:
    (tmp_path / "run" / ".hydra").mkdir(parents=True)
    (tmp_path / "run" / "checkpoint.pt").write_bytes(b"x")
    (tmp_path / "run" / ".hydra" / "overrides.yaml").write_text(recorded)
    done = vae("trainer.resume=run")
    said(done, "", code=4 if "[a" in recorded else 2)


@pytest.mark.parametrize("argument", ["k=[1", "k={", "k=${oc.env:NOT_SET}", "latents=[a]", "k=1e3", "split=3"])
def test_vae_eval_has_a_message(argument: str, vae: Vae) -> None:
    said(vae(argument, main=evaluate.main), "")


def test_a_name_that_its_keys_do_not_fit_is_refused() -> None:
    """Over every option of every group and every other name: it fits, or is refused before anything is built."""
    from hydra import compose, initialize_config_dir

    from vae.config import register, typed
    from vae.errors import UserError

    register()
    refused = 0
    with initialize_config_dir(conf_dir(), version_base="1.3"):
        for group in ("model", "prior", "likelihood", "objective", "optimizer", "data"):
            for kind in SCHEMA[group].values():
                own = names_of(kind)[0]
                others = {name: other for other in SCHEMA[group].values() for name in names_of(other)}
                for name, other in others.items():
                    config = compose("config", [f"{group}={own}", f"{group}.name={name}"])
                    if other is kind:
                        typed(config)
                        continue
                    with pytest.raises(UserError, match="An option is chosen by its group"):
                        typed(config)
                    refused += 1
    assert refused > 30


@pytest.mark.parametrize("error", [ValueError("a\n b"), TypeError(""), RecursionError("deep"), OSError("no mapping")])
def test_whatever_composing_raises_is_a_config_error(error: Exception) -> None:
    with pytest.raises(CONFIG_ERRORS) as caught, composing():
        raise error
    assert "The config cannot be composed" in str(explain(caught.value))


@pytest.mark.parametrize(
    "arguments",
    ["-m sweep=tpe --cfg job", "-m seed=1,2 --cfg job", "-m model=mlp,conv --cfg all", "-m --info searchpath",
     "-m sweep=tpe model.latent_size=range(2,5) --cfg hydra"],
)  # fmt: skip
def test_a_multirun_is_shown_as_its_first_job(arguments: str, vae: Vae, tmp_path: Path) -> None:
    done = vae(*arguments.split())
    assert done.code == 0, done
    assert done.out
    assert list(tmp_path.iterdir()) == []


def test_help_and_version_fit_a_terminal_and_name_everything(vae: Vae) -> None:
    done = vae("--help")
    assert max(map(len, done.out.splitlines())) <= 80
    setup = (Path(conf_dir()).parent / "setup.cfg").read_text(encoding="utf-8")
    commands = re.findall(r"^    (vae-\w+) = ", setup, re.MULTILINE)
    assert len(commands) >= 5
    for word in (*commands, "leaky_relu", "softplus", "--hydra-help", "--version"):
        assert word in done.out
    shown = vae("--version").out
    assert re.fullmatch(r"vae \S+ \(torch \S+, hydra 1\.3\S*, optuna \S+, Python \S+\)\n", shown)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("hydra.sweeper.params={a.b:range(2,5),c:tag(log,interval(1,2))}",
         ["a.b=range(2,5)", "c=tag(log,interval(1,2))"]),
        ("hydra.sweeper.params={a:'1,2', b:[1,2]}", ["a=1,2", "b=[1,2]"]),
        ("hydra.sweeper.params={a: null}", ["++hydra.sweeper.params={a:null}"]),
        ("+hydra.sweeper.params.a.b=choice(1,2)", ["a.b=choice(1,2)"]),
        ("hydra.sweeper.params.a.b=null", ["++hydra.sweeper.params={a.b:null}"]),
        ("~hydra.sweeper.params.a.b", ["++hydra.sweeper.params={a.b:null}"]),
        ("hydra.sweeper.params=null", ["hydra.sweeper.params=null"]),
        ("hydra.sweeper.n_trials=3", ["hydra.sweeper.n_trials=3"]),
    ],
)  # fmt: skip
def test_a_space_may_be_typed_in_each_form(typed: str, meant: list[str]) -> None:
    assert as_space(typed) == meant
