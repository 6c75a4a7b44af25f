"""The workspace file: samples, replies, losses, outcomes and reviews."""
