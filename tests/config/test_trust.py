"""What a recorded file asks for is looked up in tables, or allowed by this command: nothing else runs."""

import ast
import json
import shutil
from pathlib import Path

import pytest
import torch
import yaml
from support import ROOT

import vae
from vae.cli import evaluate
from vae.cli.arguments import expand
from vae.config.schema import SCHEMA
from vae.config.trust import FACTORY_KEYS, Trust, allowing_overrides, override_values, own_factories
from vae.errors import UserError
from vae.run.folder import read_command
from vae.training.checkpoint import write_checkpoint

OURS = ("vae", "hydra_plugins")
TABLES_ONLY = {"split"}
"""Of an argument that no file holds."""
EARLIER = ROOT / "tests" / "earlier" / "run"

RECORDED = {
    **{key: f"{key}=evil:run" for key in FACTORY_KEYS},
    "a mapping": "prior={name: 'evil:run'}",
    "an argument of a factory": "+model.parameters.heads=[1,'evil:run']",
    "a reference": "model.name=${notes}",
    "a reference to a group": "++model=${notes}",
    "a resolver": "notes=${oc.env:HOME}",
    "a nested resolver": "+model.parameters.x={a: ['${oc.${notes}:HOME}']}",
    "a callback": "+hydra.callbacks.x._target_=evil.run",
    "a launcher": "hydra/launcher=evil",
    "a group put into hydra": "+model@hydra.callbacks=mlp",
    "a folder of configs": "hydra.searchpath=[file:///evil]",
    "a deletion": "~hydra.job",
    "a space before it": " hydra.job.name=evil",
    "a file elsewhere": "experiment=../../evil/run",
    "a file by its path": "+experiment=/evil/run",
    "a group elsewhere": "+model/../../evil=run",
    "a list of files": "sweep=[tpe,../../evil/run]",
    "an option": "--config-dir=/evil",
    "the search's check": "hydra.sweeper.check=evil:run",
}
NOT_YAML = {"an option", "a deletion", "a reference to a group", "a space before it", "a list of files"}
"""What an overlay cannot say."""
HARMLESS = ["model.latent_size=3", "notes='a:b, ../{x}'", r"data.path='../\${x}'", "data.root=/data", "seed=1"]
HARMLESS += ["model.depth=${model.latent_size}", "+model.parameters.w=2", "model=mlp"]


@pytest.fixture
def evil(tmp_path, monkeypatch):
    """A module that tells when it is imported."""
    (tmp_path / "evil.py").write_text("from pathlib import Path\nPath('imported').touch()\ndef run(*a, **k): ...\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield
    assert not Path("imported").exists()


def test_every_key_that_is_looked_up_is_known_to_name_factories():
    looked_up = set()
    for path in (ROOT / "vae").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "lookup" and node.args[2:]:
                looked_up |= {node.args[2].value} if isinstance(node.args[2], ast.Constant) else {node.args[2].id}
    assert looked_up - TABLES_ONLY - {"key", "where"} <= set(FACTORY_KEYS), (
        "tests/config/test_factories.py has the others"
    )
    groups = {f"{group}.name" for group, options in SCHEMA.items() if any(hasattr(o, "name") for o in options.values())}
    assert groups - {"tracking.name"} <= set(FACTORY_KEYS)


@pytest.mark.parametrize("recorded", RECORDED.values(), ids=RECORDED)
def test_a_recorded_override_runs_nothing_unless_it_is_trusted(recorded):
    with pytest.raises(UserError, match=r"trust=true") as error:
        Trust.of_command(["seed=1", "model=mlp"]).check_overrides([*HARMLESS, recorded], "the record")
    assert "the record" in str(error.value)
    Trust.of_command(["trust=true"]).check_overrides([recorded], "the record")


@pytest.mark.parametrize(
    "recorded", sorted({*RECORDED} - {"a file by its path", "a file elsewhere", "a group elsewhere"})
)
def test_what_a_printed_command_repeats_allows_what_was_asked_for(recorded):
    if "hydra" in RECORDED[recorded] or recorded in ("an option", "a list of files"):
        return  # which is no override of the task, or no option that a run can have
    values = override_values([*HARMLESS, RECORDED[recorded]])
    assert allowing_overrides(override_values(HARMLESS)) == []
    Trust.of_command(allowing_overrides(values)).check_overrides([*HARMLESS, RECORDED[recorded]], "the record")


def test_what_sets_plain_values_needs_no_trust():
    Trust().check_overrides(HARMLESS, "the record")


def run_folder(folder: Path, overrides: list[str], options: list[str] = (), **config: dict) -> Path:
    """The folder of a run whose records say what they are told to say."""
    shutil.copytree(EARLIER, folder)
    shutil.rmtree(folder / ".hydra")
    (folder / "command.json").write_text(json.dumps({"overrides": overrides, "options": list(options)}))
    state = torch.load(folder / "checkpoint.pt", weights_only=True)
    for group, values in config.items():
        state["config"][group] = state["config"][group] | values
    write_checkpoint(folder / "checkpoint.pt", state)
    return folder


@pytest.mark.parametrize("recorded", RECORDED.values(), ids=RECORDED)
def test_resuming_a_foreign_run_runs_nothing(evil, recorded):
    folder = run_folder(Path("run"), ["data=digits", recorded])
    with pytest.raises(UserError, match="the run in .* holds|names evil:run"):
        expand([f"trainer.resume={folder}"])


def test_a_name_on_the_command_line_allows_the_same_name_only(evil):
    folder = run_folder(Path("run"), ["data=digits", "model.name=evil:run", "data.name=evil:run"])
    assert "model.name=evil:run" in expand([f"trainer.resume={folder}", "model.name=evil:run"])
    assert "model.name=evil:run" in expand([f"trainer.resume={folder}", "trust=true"])
    other = run_folder(Path("other"), ["data.name=evil:other"])
    with pytest.raises(UserError, match="names evil:other for data.name"):
        expand([f"trainer.resume={other}", "model.name=evil:run"])


def test_trust_is_said_by_the_command_and_by_no_file(evil):
    folder = run_folder(Path("run"), ["trust=true", "model.name=evil:run"])
    assert read_command(folder).overrides == ["model.name=evil:run"]
    Path("x.yaml").write_text("trust: true\nmodel: {name: 'evil:run'}\n")
    for asked in (f"trainer.resume={folder}", "experiment=x.yaml"):
        with pytest.raises(UserError, match="names evil:run for model.name"):
            expand([asked])


def test_options_that_are_missing_are_named_and_taken_only_with_trust(evil):
    folder = run_folder(Path("run"), ["model=mine"], ["--config-dir=/mine", "hydra.searchpath=[file:///more]"])
    with pytest.raises(UserError, match=r"was started with --config-dir=/mine 'hydra.searchpath=\[file:///more\]'"):
        expand([f"trainer.resume={folder}"])
    given = expand(["--config-dir", "/moved", f"trainer.resume={folder}", "hydra.searchpath=[]"])
    assert given[:2] == ["--config-dir=/moved", "model=mine"]
    trusted = expand([f"trainer.resume={folder}", "trust=true"])
    assert trusted[:3] == ["--config-dir=/mine", "hydra.searchpath=[file:///more]", "model=mine"]


@pytest.mark.parametrize("recorded", sorted({*RECORDED} - NOT_YAML))
def test_an_overlay_runs_nothing_whatever_stands_before_it(evil, recorded):
    key, _, text = RECORDED[recorded].lstrip("+").partition("=")
    value = yaml.safe_load(text) if text[0] in "[{" else text
    if "/" in key or "@" in key:
        overlay = {"defaults": [{f"override /{key}": value}]}
    else:
        overlay = value
        for part in reversed(key.split(".")):
            overlay = {part: overlay}
    Path("x.yaml").write_text(yaml.safe_dump(overlay))
    with pytest.raises(UserError, match="experiment=x.yaml(: `.*` cannot be an override| holds| names evil:run)"):
        expand([f"{key}=mine:net", "experiment=x.yaml"] if key in FACTORY_KEYS else ["experiment=x.yaml"])


@pytest.mark.parametrize("text", ["!!python/object/apply:os.system ['touch imported']", "a: [1\n", "a: \x00"])
def test_an_overlay_with_tags_or_damage_is_refused(evil, text):
    Path("x.yaml").write_text(text)
    with pytest.raises(UserError, match="cannot be read as YAML"):
        expand(["experiment=x.yaml"])


@pytest.mark.parametrize("key", FACTORY_KEYS)
def test_a_foreign_checkpoint_runs_nothing(evil, key):
    group, name = key.split(".")
    folder = run_folder(Path("run"), [], **{group: {name: "evil:run"}})
    with pytest.raises(UserError, match=f"names evil:run for {key}.*trust=True"):
        vae.load(folder)
    for arguments in ([], ["model.name=mine:net"], ["trust=false"]):
        request = evaluate.read_request([f"run={folder}", *arguments])
        with pytest.raises(UserError, match=f"names evil:run for {key}"):
            request.trust.check_names({key: "evil:run"}, str(folder))
    for allowed in ("trust=true", f"{key}=evil:run"):
        evaluate.read_request([f"run={folder}", allowed]).trust.check_names({key: "evil:run"}, str(folder))


def test_a_trusted_checkpoint_is_imported(evil, monkeypatch):
    folder = run_folder(Path("run"), [], model={"name": "evil:run"})
    with pytest.raises(UserError, match="must return a vae.VAE"):
        vae.load(folder, trust=True)
    Path("imported").unlink()


def test_a_loaded_config_evaluates_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("PRIVATE", "secret")
    folder = run_folder(tmp_path / "run", [], data={"root": "${oc.env:PRIVATE}"})
    assert vae.load(folder).config.data.root == "${oc.env:PRIVATE}"


def test_a_pickle_is_not_read():
    with pytest.raises(UserError, match="reads a pickle"):
        expand(["--experimental-rerun", "run/config.pickle"])


def test_a_multirun_resumes_no_single_folder():
    with pytest.raises(UserError, match="resumed by a command without -m"):
        expand(["-m", "seed=1,2", "trainer.resume=results/latest"])
    assert expand(["seed=1", "-m", "trainer.resume=true"]) == ["--multirun", "seed=1", "trainer.resume=true"]


def test_a_factory_is_recognised_and_other_text_is_not():
    assert own_factories({"notes": "evil:run", "data.path": "c:x", "model.parameters.text": "see: this"}) == {}
