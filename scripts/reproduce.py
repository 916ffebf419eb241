"""Runs one experiment and prints what was expected, what was obtained, and the verdict: reproduce.py NAME."""

from vae.cli.reproduce import main

if __name__ == "__main__":
    main()
