"""Tasks as everybody runs them: a GGUF as a model of EleutherAI's lm-evaluation-harness."""
