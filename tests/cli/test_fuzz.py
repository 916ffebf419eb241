"""A sample of what scripts/fuzz_commands.py tries at length: whatever is typed has an answer."""

import runpy

import pytest
from support import ROOT


@pytest.mark.parametrize("seed", [2, 3])
def test_every_command_line_has_an_answer(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HYDRA_FULL_ERROR", "0")
    fuzz = runpy.run_path(str(ROOT / "scripts" / "fuzz_commands.py"))["fuzz"]
    codes, faults = fuzz(40, seed)
    assert not faults, "\n".join(faults)
    assert codes[0] >= 4
    assert codes[2] >= 20
