"""The gate: exported files say what was trained."""
