"""Ranking quality as figures: catalogues, judged queries, the engines and the baselines.

``python -m bench.relevance`` prints the tables. There are two sets: a company's registry, whose
texts are ours (``data/README.md``), and Debian's packages, whose texts are not
(``data/debian/README.md``). These files say how the judgements are made.
"""
