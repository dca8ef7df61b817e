"""The prompt format, the same in training, evaluation and Ollama."""
