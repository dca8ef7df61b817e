"""verify: what was trained is what llama.cpp and Ollama say, checked on the exported files themselves."""
