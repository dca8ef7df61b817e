"""Tweets as training and evaluation read them."""
