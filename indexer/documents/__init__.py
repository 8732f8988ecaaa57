"""Store to search documents: the functions that live updates and rebuilds share. Pure."""

from indexer.documents.attachments import Attached, attachment_results, list_attached
from indexer.documents.base_labels import find_inherited, merge_base_labels
from indexer.documents.builders import (
    image_document,
    large_document,
    newest_image,
    repository_details,
    repository_document,
    untagged_document,
)
from indexer.documents.described import DescribedImage
from indexer.documents.extracted import (
    ExtractedAttachment,
    ExtractedImage,
    pack_attachment,
    pack_image,
    unpack_attachment,
    unpack_image,
)
from indexer.documents.extraction import (
    attach,
    describe,
    extract_attachment,
    extract_image,
    is_whole,
)
from indexer.documents.facets import FACET_VALUE_MAX, LABEL_FACETS_MAX, PAIRS_MAX, VALUES_MAX
from indexer.documents.keywords import KEYWORDS_MAX, LARGE_IMAGES, LARGE_KEYWORDS, VALUE_MAX
from indexer.documents.parts import (
    DatedTag,
    RepositoryPart,
    dated_tag,
    join_parts,
    make_part,
    pack_part,
    unpack_part,
)
from indexer.documents.results import (
    DESCRIPTION_MAX,
    NEWEST_TAGS_MAX,
    SHOWN_PAIRS_MAX,
    pull_through_result,
)
from indexer.documents.shares import share_of
from indexer.documents.sizes import is_unreadable, join_blobs
from indexer.documents.texts import TAGS_MAX, TEXT_MAX, TEXT_VALUE_MAX

__all__ = [
    "DESCRIPTION_MAX",
    "FACET_VALUE_MAX",
    "KEYWORDS_MAX",
    "LABEL_FACETS_MAX",
    "LARGE_IMAGES",
    "LARGE_KEYWORDS",
    "NEWEST_TAGS_MAX",
    "PAIRS_MAX",
    "SHOWN_PAIRS_MAX",
    "TAGS_MAX",
    "TEXT_MAX",
    "TEXT_VALUE_MAX",
    "VALUES_MAX",
    "VALUE_MAX",
    "Attached",
    "DatedTag",
    "DescribedImage",
    "ExtractedAttachment",
    "ExtractedImage",
    "RepositoryPart",
    "attach",
    "attachment_results",
    "dated_tag",
    "describe",
    "extract_attachment",
    "extract_image",
    "find_inherited",
    "image_document",
    "is_unreadable",
    "is_whole",
    "join_blobs",
    "join_parts",
    "large_document",
    "list_attached",
    "make_part",
    "merge_base_labels",
    "newest_image",
    "pack_attachment",
    "pack_image",
    "pack_part",
    "pull_through_result",
    "repository_details",
    "repository_document",
    "share_of",
    "unpack_attachment",
    "unpack_image",
    "unpack_part",
    "untagged_document",
]
