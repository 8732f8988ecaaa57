"""The core: what we know about registries and how we come to know it."""
