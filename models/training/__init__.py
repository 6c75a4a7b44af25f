"""Training: LoRA adapters of a student, by PyTorch, transformers and PEFT in a process of their own.

`process` is the parent's side, `child` the process; `job` says what the two tell each other, and imports neither.
"""
