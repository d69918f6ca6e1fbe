"""The page: a server on this machine only, which calls apps and holds nothing that is not on the disk."""
