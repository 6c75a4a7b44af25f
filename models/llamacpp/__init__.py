"""The models that llama.cpp runs, each in a process of its own."""
