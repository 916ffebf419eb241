"""One run: how its parts are put together, what it prints, and what it writes into its folder."""
