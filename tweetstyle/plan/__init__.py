"""What a run needs, computed before it starts: memory, disk, time, schedule."""
