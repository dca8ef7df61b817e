"""The rules that decide which tweets are kept, and with what text."""
