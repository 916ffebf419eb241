"""Figures of a trained model: (name, value)s. Writes and prints nothing."""
