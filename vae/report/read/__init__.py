"""Studies, grids and folders of runs -> records."""
