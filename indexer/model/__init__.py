"""Frozen values without input or output: names, manifests, events, documents, the query tree."""
