"""Real nodes of OpenSearch on loopback, for tests and to try by hand."""
