"""How trials are run: the engine, worker processes, launchers."""
