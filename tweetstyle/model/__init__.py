"""The files of a base model and its adapter."""
