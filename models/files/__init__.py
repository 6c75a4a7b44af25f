"""Model files on this machine: which there are, what their heads say, and their digests."""
