"""The way to a server on this machine: where it may be, how its answers are read, and what a prompt costs.

Equal for every program that serves models over HTTP; `models.ollama` and `models.openai` stand on it, and nothing else
imports it but the settings, for their defaults. Begin with `address` (what is refused before a byte is sent), then
`transport`.
"""
