"""The sweep engine: ask a study what to try, run it, record what happened. Importing this package costs nothing."""
