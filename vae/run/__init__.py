"""One run: its wiring, its folder, what it says and writes."""
