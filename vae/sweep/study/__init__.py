"""Where a study is kept, who runs its trials, and what it has found."""
