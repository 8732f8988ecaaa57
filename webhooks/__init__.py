"""The way in: notifications of registries, authenticated and appended to the journal."""
