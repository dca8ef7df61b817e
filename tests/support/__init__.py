"""Second sources for the tests: llama.cpp and Ollama as they really are."""
