"""Model files: their names, where they are, and what is in them.

The engine and the interface may import it; it loads no model and asks no server. Begin with `catalog` (from a name to
a file), then `gguf` (a file's head, read by hand because it may be hostile), `ollama_store` (Ollama's files on disk),
`digest` (the SHA-256 that names a model in every record) and `needs` (memory, and speed on a CPU).
"""
