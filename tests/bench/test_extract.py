"""The benchmark of the extraction measures what it says."""

from bench.extract import bodies_of, extract_all, measure, parse_only
from tests.content_samples import all_samples


def test_whole_rounds_are_counted() -> None:
    samples = all_samples()
    bodies = [body for sample in samples for body in bodies_of(sample.content)]
    for work in (parse_only, extract_all):
        found = measure(samples, work, seconds=0.0)
        assert (found.contents, found.bodies) == (len(samples), len(bodies))
        assert found.bytes == sum(map(len, bodies))
        assert found.seconds > 0
