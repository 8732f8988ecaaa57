"""Forms of English words: those that belong together, and none for other words."""

import pytest

from search_api.query.forms import WORD_MAX, other_forms

TOGETHER = [
    {"database", "databases"},
    {"proxy", "proxies", "proxied"},
    {"scrape", "scraping", "scraper", "scrapers", "scraped"},
    {"monitor", "monitors", "monitoring", "monitored"},
    {"scan", "scans", "scanning", "scanner", "scanners"},
    {"cache", "caches", "caching", "cached"},
    {"box", "boxes"},
    {"registry", "registries"},
    {"log", "logs", "logging", "logger"},
    {"queue", "queues", "queued", "queuing"},
    {"encrypt", "encrypted", "encryption"},
    {"visualize", "visualizer", "visualization"},
    {"recommend", "recommender", "recommendation", "recommendations"},
    {"configure", "configured", "configuration"},
]


@pytest.mark.parametrize("words", TOGETHER, ids=min)
def test_each_form_leads_to_all_others(words: set[str]) -> None:
    for word in words:
        assert words - {word} <= set(other_forms(word)), word


@pytest.mark.parametrize(
    ("word", "other"),
    [
        ("container", "contain"),
        ("contain", "container"),
        ("server", "serve"),
        ("user", "use"),
        ("scraping", "scrap"),
        ("redis", "red"),
        ("news", "new"),
    ],
)
def test_words_of_other_subjects_are_no_forms(word: str, other: str) -> None:
    assert other not in other_forms(word)


@pytest.mark.parametrize("word", ["", "go", "数据库", "über", "k8s", "x86", "a" * (WORD_MAX + 1)])
def test_what_is_no_english_word_has_no_forms(word: str) -> None:
    assert other_forms(word) == ()


def test_a_word_is_no_form_of_itself_and_has_few_of_them() -> None:
    for words in TOGETHER:
        for word in words:
            found = other_forms(word)
            assert word not in found
            assert len(found) == len(set(found)) < 25
