"""The teacher that a local Ollama server runs."""
