"""Where the figures of a run go: JSON lines, Weights & Biases, and anything else that follows the protocols."""
