"""Ranking quality as figures: a catalogue, judged queries, the engines and what people use now.

``python -m bench.relevance`` prints the table; ``data/README.md`` says how the queries are judged.
"""
