"""The paper: prompts, replies, scores and the choice between candidates."""
