"""What becomes of a notification of each registry program is what its page says."""

import re
from pathlib import Path

import pytest

from indexer.model import Event, Rejected
from webhooks.senders import parse_notification

FOLDER = Path(__file__).parents[1] / "samples" / "notifications"
OTHERS = sorted((FOLDER / "others").glob("*.json"))
READ = sorted(FOLDER.glob("*/manifest-push-tag.json"))
PAGE = (Path(__file__).parents[2] / "docs" / "registries.md").read_text()
NAMES = {
    "acr": "Azure Container Registry",
    "alibaba-acr": "Alibaba Cloud",
    "artifactory": "Artifactory",
    "distribution-v2": "distribution",
    "distribution-v3": "distribution",
    "dockerhub": "Docker Hub",
    "ecr": "Amazon ECR",
    "forgejo": "Gitea and Forgejo",
    "gar": "Google Artifact Registry",
    "ghcr": "GitHub Packages",
    "gitea": "Gitea and Forgejo",
    "gitlab": "GitLab",
    "harbor": "Harbor",
    "nexus": "Nexus",
    "quay": "Quay",
    "tencent-tcr": "Alibaba Cloud",
    "zot": "zot",
}


def _row(name: str) -> str:
    """Return the row of the page's table for a registry program."""
    (row,) = re.findall(rf"^\| \[{re.escape(NAMES[name])}\].*$", PAGE, re.MULTILINE)
    assert isinstance(row, str)
    return row.split(" | ")[1]


@pytest.mark.parametrize("sample", READ, ids=lambda path: path.parent.name)
def test_a_notification_is_used_where_the_page_says_events(sample: Path) -> None:
    assert _row(sample.parent.name).startswith("events")
    (item,) = parse_notification(sample.read_bytes()).items
    assert isinstance(item, Event)


@pytest.mark.parametrize("sample", OTHERS, ids=lambda path: path.stem)
def test_a_notification_is_rejected_where_the_page_says_crawl_only(sample: Path) -> None:
    assert _row(sample.stem) == "crawl only"
    (item,) = parse_notification(sample.read_bytes()).items
    assert item == Rejected("no list of events", sample.read_bytes())


@pytest.mark.parametrize("name", sorted(NAMES))
def test_each_registry_has_a_heading(name: str) -> None:
    assert re.search(rf"^## {re.escape(NAMES[name])}", PAGE, re.MULTILINE)


def test_each_registry_has_a_sample() -> None:
    assert {path.stem for path in OTHERS} | {path.parent.name for path in READ} == set(NAMES)
