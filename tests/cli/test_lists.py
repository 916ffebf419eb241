"""Jobs given one by one: they are those of the single commands, in the order of the list, and each is checked first."""

import csv
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import Result, summary_of

from vae.cli import train
from vae.cli.arguments import expand
from vae.cli.composition import Composition
from vae.cli.grids import GridJobs
from vae.cli.rehearsal import rehearse_run
from vae.config import record_of, typed
from vae.config.composed import as_in_job
from vae.config.quoting import override, typed_value
from vae.report.read.grids import read_grid
from vae.report.read.studies import read_study
from vae.sweep.space.row_files import rows_of_file
from vae.sweep.space.rows import Row

Vae = Callable[..., Result]
BASE = ("data=digits", "tracking=none", "study=s", "hydra.run.dir=r")
TINY = ("data=digits", "tracking=none", "trainer.epochs=1", "trainer.images_every_epochs=0", "study=s")
QUOTE = '"'
TEXT = 'it\'s, "q" = {a: [1]} \\ #5'
ZIP = "sweep.zip={model.latent_size: [2, 10], model.hidden_size: [100, 400]}"
FILES = {
    "runs.csv": '\ufeffmodel.latent_size, model.hidden_size\n2,100\n\n"10",400\n',
    "text.csv": 'notes,data.root,optimizer\n"1,2",null,\n'
    f'"{json.dumps(TEXT).replace(QUOTE, 2 * QUOTE)}",,sgd\n,/a,sgd\n',
    "mine/sweep/pairs.yaml": "# @package _global_\ndefaults: [list]\nhydra: {sweeper: {zip: {model: {latent_size: "
    "[2, 10], hidden_size: [100, 400]}}}}\n",
    "mine/sweep/entries.yaml": "# @package _global_\ndefaults: [list]\nhydra:\n  sweeper:\n    list:\n"
    "    - {notes: '1,2', data.root: null}\n"
    f"    - {{notes: {json.dumps(TEXT)}, optimizer: sgd}}\n    - {{data: {{root: /a}}, optimizer: sgd}}\n",
}
PAIRS = [{"model.latent_size": 2, "model.hidden_size": 100}, {"model.latent_size": 10, "model.hidden_size": 400}]
ENTRIES = [{"notes": "1,2", "data.root": None}, {"notes": TEXT, "optimizer": "sgd"},
           {"data.root": "/a", "optimizer": "sgd"}]  # fmt: skip
CASES: dict[str, tuple[Sequence[str], Sequence[Mapping[str, Any]]]] = {
    "zip": (["sweep=list", ZIP], PAIRS),
    "zip, without the option, one key at a time": (
        ["sweep.zip.model.latent_size=[2,10]", "sweep.zip.model.hidden_size=[100,400]"],
        PAIRS,
    ),
    "list": (["sweep=list", "sweep.list=[{model.latent_size: 2, model.hidden_size: 100}, {model: {latent_size: 10, "
                            "hidden_size: 400}}]"], PAIRS),
    "file": (["sweep=list", "sweep.list=runs.csv"], PAIRS),
    "zip in YAML": (["--config-dir=mine", "sweep=pairs"], PAIRS),
    "list in YAML": (["--config-dir=mine", "sweep=entries"], ENTRIES),
    "text in a file": (["sweep=list", "sweep.list=text.csv"], ENTRIES),
    "groups": (["sweep.zip={model: [conv, mlp, conv], seed: [1, 1, 2], ++notes: [a, b, c]}"],
               [{"model": "conv", "seed": 1, "notes": "a"}, {"model": "mlp", "seed": 1, "notes": "b"},
                {"model": "conv", "seed": 2, "notes": "c"}]),
    "what another key holds": (["sweep.list=[{notes: '${seed}'}, {}]"], [{"notes": "${seed}"}, {}]),
}  # fmt: skip


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with files of jobs; nothing is trained, and no data is read."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("vae.run.wiring.prepare", lambda config: None)
    assert train.job  # registers schema and sweepers
    GlobalHydra.instance().clear()
    HydraConfig.instance().cfg = None
    return tmp_path


def jobs_of(*arguments: str) -> list[dict[str, Any]]:
    """The whole config of each job of a multirun."""
    asked = rehearse_run(expand(["-m", *BASE, *arguments]))
    assert asked
    assert asked.multirun
    grid = asked.multirun.grid
    assert isinstance(grid, GridJobs)
    configs = []
    for number in range(len(grid.overrides)):
        with as_in_job(grid.config(number), number) as seen:
            configs.append(record_of(typed(seen)))
    return configs


def single(*arguments: str) -> dict[str, Any]:
    """The whole config of a run."""
    config = Composition.of([*BASE, *arguments]).run()
    assert config is not None
    with as_in_job(config) as seen:
        return record_of(typed(seen))


@pytest.mark.parametrize("case", CASES)
def test_the_jobs_are_those_of_single_commands(case: str, lab: Path) -> None:
    words, entries = CASES[case]
    wanted = [single(*(override(key, value) for key, value in entry.items())) for entry in entries]
    assert jobs_of(*words) == wanted


def test_each_entry_is_run_with_each_combination_in_the_order_of_the_list_and_then_of_the_grid(lab: Path) -> None:
    jobs = jobs_of("sweep=list", "seed=3,1", ZIP, "optimizer.lr=1e-3,1e-2")
    pairs = [(job["model"]["latent_size"], job["model"]["hidden_size"]) for job in jobs]
    assert pairs == [(2, 100)] * 4 + [(10, 400)] * 4
    assert [(job["seed"], job["optimizer"]["lr"]) for job in jobs] == [(3, 1e-3), (3, 1e-2), (1, 1e-3), (1, 1e-2)] * 2


def test_the_first_job_is_shown_alone(vae: Vae) -> None:
    shown = vae("-m", *BASE, "sweep=list", ZIP, "--cfg", "job", "--package", "model").out
    assert "latent_size: 2\n" in shown
    assert "hidden_size: 100\n" in shown


# ---------------------------------------------------------------- values

PLAIN = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"], exclude_characters="$\ufeff"))
SCALARS = (
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats(allow_nan=False, allow_infinity=False) | PLAIN
)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3), max_leaves=5)


@given(rows=st.lists(st.dictionaries(st.sampled_from(["a", "b.c", "++d.e"]), VALUES), min_size=1, max_size=4))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_value_arrives_with_its_own_type(rows: list[dict[str, Any]], tmp_path: Path) -> None:
    """JSON is YAML; what a job gets of it, through a file and an override, is the same value."""
    keys = list(dict.fromkeys(key for row in rows for key in row)) or ["a"]
    with (tmp_path / "rows.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(keys)
        writer.writerows(
            [json.dumps(row[key], ensure_ascii=False) if key in row else "" for key in keys] for row in rows
        )
    read = rows_of_file(tmp_path / "rows.csv")
    assert [dict(row.values) for row in read] == [{key: row[key] for key in keys if key in row} for row in rows]
    for row in read:
        arrived = {line.partition("=")[0]: typed_value(line) for line in row.overrides}
        assert repr(arrived) == repr(dict(row.values))


@pytest.mark.parametrize(
    ("cell", "value"),
    [("1e-3", 1e-3), ("007", 7), ("'007'", "007"), ("true", True), ("null", None), ("[1, a]", [1, "a"]),
     ("a, b", "a, b"), ("2026-11-27", "2026-11-27"), ("{a: 1}", {"a": 1}), ("it's", "it's"), (".inf", math.inf),
     ("two\nlines", "two lines")],
)  # fmt: skip
def test_a_cell_is_a_yaml_value(cell: str, value: Any, tmp_path: Path) -> None:
    with (tmp_path / "rows.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["a", "b"], [cell, ""]])
    (row,) = rows_of_file(tmp_path / "rows.csv")
    assert repr(row.values) == repr({"a": value})


# ---------------------------------------------------------------- mistakes

MISTAKES: list[tuple[str, str, str]] = [
    ("sweep=list", "", "there is no job in them"),
    ("sweep.zip={model.latent_size: [2, 10], seed: [1]}", "", "model.latent_size has 2, seed has 1"),
    ("sweep.zip={seed: 3}", "", "seed is 3, not a list"),
    ("sweep.zip=3", "", "not a mapping"),
    ("sweep.zip={seed: []}", "", "no job"),
    (f"{ZIP} sweep.list=[{{seed: 1}}]", "", "both given"),
    (f"{ZIP} model.latent_size=3", "", "model.latent_size=3: model.latent_size is a key of the list, too"),
    (f"{ZIP} model.hidden_size=3,4", "", "model.hidden_size is a key of the list, too"),
    ("sweep.list=[3]", "", "entry 1 is 3, not a mapping"),
    ("sweep.list=3", "", "not a list"),
    ("sweep.list=[{seed: 1}, {sed: 2}]", "", "sed: no such key. .* in entry 2 of hydra.sweeper.list"),
    ("sweep.list=[{seed: 1}, {seed: a}]", "", "whole number.* in entry 2"),
    ("sweep.list=[{seed: 1, +seed: 2}]", "", "entry 1 of .*seed is there twice"),
    ("sweep.list=f.csv", "~seed\n1\n", "f.csv, line 1, column 1: '~seed' is no key"),
    ("sweep.list=[{notes: '${hydra:job.num}'}]", "", "known in a job alone"),
    ("sweep.list=[{hydra.sweep.subdir: x}, {hydra.sweep.subdir: x}]", "", "jobs 0 and 1 would share the folder"),
    ("hydra/sweeper=basic sweep.zip={seed: [1, 2]}", "", "takes no list of jobs"),
    (f"sweep=tpe {ZIP} model.latent_size=3", "", "model.latent_size=3: model.latent_size is a key of the list, too"),
    (f"sweep=tpe {ZIP} sweep.params.model.hidden_size=3,4", "", r"model.hidden_size=3,4: .* too \(entry 1 of .*zip\)"),
    ("sweep=tpe sweep.list=[{seed: 1}, {sed: 2}]", "", "sed: no such key. .* in the entry {sed:2} of .*list. No study"),
    ("sweep=tpe sweep.list=f.csv", "seed,notes\n1,a\n2,b,c\n", "f.csv, line 3, column 3: .*2 keys"),
    ("sweep.list=none.csv", "", "there is no such file"),
    ("sweep.list=f.csv", "", "f.csv is empty"),
    ("sweep.list=f.csv", "seed\n", "no job in them"),
    ("sweep.list=f.csv", "seed;notes\n1;a\n", "f.csv, line 1, column 1: 'seed;notes' is no key"),
    ("sweep.list=f.csv", "seed,\n1,2\n", "f.csv, line 1, column 2: '' is no key"),
    ("sweep.list=f.csv", "seed,notes,seed\n", "f.csv, line 1, column 3: seed is there twice"),
    ("sweep.list=f.csv", "seed,notes\n1,a\n\n2,b,c\n", "f.csv, line 4, column 3: .*2 keys, and this one 3 cells"),
    ("sweep.list=f.csv", "seed,notes\n1,a\n2,'b\n", r"f.csv, line 3, column 2 \(notes\): .* as YAML"),
    ("sweep.list=f.csv", "seed,notes\n1,\"a\nb\"\nx,b\n", "whole number.* in f.csv, line 4, column 1"),
    ("sweep.list=f.csv", "notes,sed\na,\nb,1\n", "sed: no such key.* in f.csv, line 3, column 2"),
    ("sweep.list=f.csv", "model,model.hidden_size\nmlp,3\nconv,3\n", "model.hidden_size: .*in f.csv, line 3, column 2"),
    ("sweep.list=f.csv", "seed,notes\n1,\"a\n", "f.csv, line 2: "),
    ("sweep.list=f.csv", "notes\n${oc.env:HOME}\n", "f.csv, line 2 holds .* evaluated"),
    ("sweep.list=f.csv", "model.name\nmine:net\n", "f.csv, line 2 names mine:net"),
    ("sweep.list=f.csv", "notes\n!!binary aGk=\n", "no plain value"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "content", "wanted"), MISTAKES)
def test_a_mistake_is_named_with_its_place_before_anything_is_made(
    words: str, content: str, wanted: str, lab: Path, vae: Vae
) -> None:
    (lab / "f.csv").write_text(content, encoding="utf-8")
    before = sorted(lab.rglob("*"))
    done = vae("-m", *BASE, *_words(words))
    assert done.code == 2, done
    message = " ".join(done.err.split())
    assert re.search(wanted, message), message
    assert "Traceback" not in message
    assert sorted(lab.rglob("*")) == before


def _words(line: str) -> list[str]:
    """A line's words; a space within brackets or quotes is part of one."""
    words, depth = [""], 0
    for character in line:
        depth += (character in "{[") - (character in "}]")
        if character == " " and not depth:
            words.append("")
        else:
            words[-1] += character
    return words


def test_a_file_of_another_encoding_is_named(lab: Path, vae: Vae) -> None:
    (lab / "f.csv").write_bytes("notes\ngröße\n".encode("latin-1"))
    assert "f.csv, line" in (said := vae("-m", *BASE, "sweep.list=f.csv").err)
    assert "not UTF-8" in said


# ---------------------------------------------------------------- going on


def test_a_list_that_was_begun_goes_on_and_what_is_appended_is_run(vae: Vae, tmp_path: Path) -> None:
    file, command = tmp_path / "runs.csv", ("-m", *TINY, "sweep=list", "sweep.list=runs.csv")
    file.write_text('model.latent_size,model.hidden_size,notes\n2,8,\n3,,"a, b"\n')
    done = vae(*command)
    assert done.code == 0, done
    assert "1 of 2  model.latent_size=2 model.hidden_size=8\n" in done.out
    assert "2 of 2  model.latent_size=3 notes=a, b" in done.out
    file.write_text(file.read_text() + "2,9,\n")
    done = vae(*command)
    assert done.code == 0, done
    assert [f"trial_{i:04d} is complete already" in done.out for i in range(3)] == [True, True, False]
    assert "3 of 3  model.latent_size=2 model.hidden_size=9" in done.out
    summaries = [summary_of(tmp_path / f"multirun/s/trial_{i:04d}") for i in range(3)]
    assert [[s.get(f"model.{key}_size") for key in ("latent", "hidden")] for s in summaries] == [
        [2, 8],
        [3, None],
        [2, 9],
    ]
    records = read_grid(tmp_path / "multirun/s")
    assert records.request.command.endswith("sweep=list hydra.sweeper.list=runs.csv")
    assert [run.params["model.hidden_size"] for run in records.runs] == [8, 400, 9]
    file.write_text("model.latent_size,model.hidden_size,notes\n3,8,\n")
    done = vae(*command)
    assert done.code == 2
    assert "model.latent_size: 2 in the run, 3 now" in done.err


def test_a_search_beside_a_list_has_the_keys_of_the_list_and_not_those_it_inherits(vae: Vae, tmp_path: Path) -> None:
    words = ("sweep=tpe", "sweep.slots=false", "sweep.n_trials=3", "sweep.enqueue=[]", "data.batch_size=512")
    done = vae("-m", *TINY, *words, "sweep.zip={model.latent_size: [2, 3], model.hidden_size: [8, 9]}")
    assert done.code == 0, done
    assert "not searched alone  model.latent_size, model.hidden_size: in hydra.sweeper.zip" in done.out
    assert "2 entries of model.latent_size, model.hidden_size" in done.out
    records = read_study(tmp_path / "multirun/s")
    assert records.keys == ["optimizer.lr", "model.latent_size", "model.hidden_size"]
    assert records.request.space["model.hidden_size"] == "{8, 9} in hydra.sweeper.zip"
    for run in records.runs:
        summary = summary_of(tmp_path / f"multirun/s/trial_{int(run.name):04d}")
        assert {key: summary[key] for key in records.keys} == pytest.approx(run.params)
        assert (run.params["model.latent_size"], run.params["model.hidden_size"]) in [(2, 8), (3, 9)]


def test_an_entry_names_the_column_of_the_key_that_a_message_begins_with() -> None:
    row = Row({"+a.b": 1, "a": 2}, "f.csv, line 2", {"+a.b": 1, "a": 2})
    assert row.place_of("a.b: no such key.") == "f.csv, line 2, column 1"
    assert row.place_of("a=2: no such option.") == "f.csv, line 2, column 2"
    assert row.place_of("another thing") == "f.csv, line 2"
