"""What a run needs, computed before it starts from config.json and the recipe alone: memory, disk, time, schedule."""
