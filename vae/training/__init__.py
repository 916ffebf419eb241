"""How a model is trained: the loop, the validation pass, optimizers, checkpoints and devices."""
