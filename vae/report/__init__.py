"""The report: one self-contained page for a study, a grid, or runs that are to be compared."""
