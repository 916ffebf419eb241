"""The loop, the validation pass, optimizers, checkpoints and devices."""
