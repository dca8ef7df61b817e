"""Learn one person's writing style from their tweets and export it for Ollama."""

__version__ = "0.1.0"
