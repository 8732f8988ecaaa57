"""Store to search documents: the functions that live updates and rebuilds share. Pure."""

from indexer.documents.attachments import Attached, attached_to, attachment_results
from indexer.documents.builders import image_document, repository_document, untagged_document
from indexer.documents.described import (
    DescribedImage,
    base_labels_of,
    content_of,
    describe,
    inherited_of,
)
from indexer.documents.facets import FACET_VALUE_MAX, LABEL_FACETS_MAX, PAIRS_MAX, VALUES_MAX
from indexer.documents.keywords import KEYWORDS_MAX, REPOSITORY_KEYWORDS_MAX, VALUE_MAX
from indexer.documents.results import DESCRIPTION_MAX, NEWEST_TAGS_MAX, SHOWN_PAIRS_MAX
from indexer.documents.texts import TAGS_MAX, TEXT_MAX, TEXT_VALUE_MAX

__all__ = [
    "DESCRIPTION_MAX",
    "FACET_VALUE_MAX",
    "KEYWORDS_MAX",
    "LABEL_FACETS_MAX",
    "NEWEST_TAGS_MAX",
    "PAIRS_MAX",
    "REPOSITORY_KEYWORDS_MAX",
    "SHOWN_PAIRS_MAX",
    "TAGS_MAX",
    "TEXT_MAX",
    "TEXT_VALUE_MAX",
    "VALUES_MAX",
    "VALUE_MAX",
    "Attached",
    "DescribedImage",
    "attached_to",
    "attachment_results",
    "base_labels_of",
    "content_of",
    "describe",
    "image_document",
    "inherited_of",
    "repository_document",
    "untagged_document",
]
