"""Running models: text, likelihoods, llama.cpp, Ollama."""
