"""Ranking quality as figures: a catalogue, judged queries, the engines and the baselines.

``python -m bench.relevance`` prints the table; ``data/README.md`` describes the judgements.
"""
