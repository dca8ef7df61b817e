"""Confidence intervals, and which differences count."""
