"""The Optuna sweeper as Hydra finds it."""
