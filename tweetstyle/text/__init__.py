"""Languages, words and text that repeats."""
