"""The documents: the site, and what they say to type, typed."""
