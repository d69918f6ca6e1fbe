"""One file per verb: files in, files out. Nothing here knows the command line."""
