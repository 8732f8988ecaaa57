"""The way in: notifications of registries are authenticated and appended to the journal."""
