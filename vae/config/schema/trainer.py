"""The group `trainer`: the length of the training, the device, and what is written on the way."""

from dataclasses import dataclass, field
from typing import Any

from vae.config.schema.fields import choice, number


@dataclass
class TrainerConfig:
    """How long a run trains, on which device, and in which precision."""

    epochs: int = number(20, at_least=1)
    """Passes over the training images."""
    device: str = "auto"
    """auto | cpu | cuda | cuda:N | mps."""
    precision: str = choice("auto", "fp32", "bf16")
    """Precision of the training steps; auto: bf16 where the processor or GPU computes in it. Evaluation is fp32."""
    compile: Any = field(default="auto", metadata={"choices": ("auto", True, False)})
    """Compile the training step with torch.compile: true | false | auto: where the training is long enough to save more
    than the compiling takes, up to a minute or, from torch's cache on the disk, seconds; never where gradients are
    written by hand. It changes results in rounding; summary.json says `compiled`."""
    threads: int = number(0, at_least=0, at_most=1024)
    """CPU threads of torch; 0: torch's own choice."""
    clip_grad_norm: float = number(0.0, at_least=0)
    """Largest norm of the gradient; 0: off."""
    ema_decay: float = number(0.0, at_least=0, below=1)
    """Decay of the moving average of the weights over the steps, which then is the model that is evaluated, drawn and
    saved: 0.999, for example; 0: off."""
    log_grad_norm: bool = False
    """Record mean and maximum of the gradient's norm in each epoch, after clipping."""
    max_minutes: float = number(0.0, at_least=0)
    """Stop, complete, after the epoch in which the run has taken this long, over all its sittings; 0: off."""
    eval_every_epochs: int = number(1, at_least=1)
    """Validation every n epochs, and after the last."""
    early_stop_evals: int = number(0, at_least=0)
    """Stop after this many evaluations in a row without a better validation figure; 0: off."""
    images_every_epochs: int = number(0, at_least=0)
    """Samples and reconstructions every n epochs; 0: only at the end."""
    checkpoint_every_seconds: float = number(10.0, at_least=0)
    """Least time between two writes of checkpoint.pt, which is written after an epoch; 0: after every epoch."""
    resume: Any = field(default=False, metadata={"path": True})
    """DIR: resume the run in that folder, with its config; true: the run in results/latest; false: begin anew."""
