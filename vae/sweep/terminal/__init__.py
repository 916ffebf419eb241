"""A sweep on the terminal."""
