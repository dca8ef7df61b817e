"""The tests: each module of the package has its own, `integration/` uses the real llama.cpp and Ollama, `gpu/` needs a card."""
