"""Published figures that take minutes: the headers of conf/experiment state them."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from support import Result, summary_of


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_classic_script_reaches_its_test_loss(
    seed: int, vae: Callable[..., Result], mnist_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAE_DATA", str(mnist_root))
    threads = torch.get_num_threads()
    try:
        done = vae("experiment=classic", "tracking=none", f"seed={seed}", "trainer.threads=1")  # others run beside it
    finally:
        torch.set_num_threads(threads)
    assert done.code == 0, done
    facts = summary_of(tmp_path / "results/latest")
    assert facts["epochs"] == 10
    assert -facts["test/elbo"] == pytest.approx(105.6, abs=0.5)
