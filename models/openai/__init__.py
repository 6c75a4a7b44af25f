"""The teacher that any local server of OpenAI's chat completions runs: LM Studio, llama-server, vLLM and others.

The engine may import it; it knows no other program that runs models. Begin with `teacher` (one request, its reply and
what is held against it), then `server` (the exchanges) and `dialect` (the parts of a request that not every server
takes). `wire` is what servers say, with their words for each failure and where those are from.
"""
