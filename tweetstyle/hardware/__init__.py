"""This machine: cards, memory, disks, installed packages."""
