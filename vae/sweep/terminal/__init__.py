"""What a person sees of a sweep: the live table, and the last words."""
