"""The way out: docker search, the HTTP API and the command line; and the wiring of the whole."""
