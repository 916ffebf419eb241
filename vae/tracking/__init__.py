"""Where the figures of a run go: JSON lines, Weights & Biases, and what else follows the protocols."""
