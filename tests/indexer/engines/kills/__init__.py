"""Kill the writer of a search index, with either engine, and check the files afterwards."""
