"""Tests that let the real Ollama run what the package writes."""
