"""Kills whoever writes a search index, with either engine, and looks at what is left."""
