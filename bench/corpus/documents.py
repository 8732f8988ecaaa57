"""A corpus as documents alone: almost those that a filled store has.

Each is made of its own content only. Facts from other manifests are missing: those of its base and
of its attachments.
"""

from collections.abc import Iterator

from bench.corpus.corpus import SEED, Corpus, Made
from bench.corpus.plan import CRAWLED_AT, Plan
from bench.corpus.sizes import Size
from indexer.documents import DescribedImage, describe, image_document, repository_document
from indexer.extract import BUILT_IN, config_descriptor
from indexer.model import Content
from indexer.model.document import Document
from indexer.model.manifest import Descriptor, Manifest, ManifestKind
from indexer.model.names import TagName, is_system_tag
from indexer.model.stored import Pulls, RepositoryRow, StoredImage

REGISTRY = "corpus"
REGISTRY_HOST = "corpus.test"


def documents(size: Size | str | Corpus, *, seed: str = SEED) -> Iterator[Document]:
    """Make every document of a corpus, those of a repository after one another, its own last."""
    corpus = size if isinstance(size, Corpus) else Corpus(size, seed=seed)
    for plan in corpus.repositories:
        yield from make_documents(corpus, plan)


def make_documents(corpus: Corpus, plan: Plan) -> Iterator[Document]:
    """Make the documents of one repository."""
    row = RepositoryRow(plan.number + 1, REGISTRY, REGISTRY_HOST, plan.name)
    images: list[DescribedImage] = []
    tags: list[TagName] = []
    for tagged in corpus.content(plan):
        tags += tagged.tags
        if is_system_tag(tagged.tags[0]):
            continue
        # All tags were seen at one moment, and then they go by their names.
        stored = StoredImage(stored_manifest(tagged.manifest), tuple(sorted(tagged.tags)), None)
        image = describe(stored, now=CRAWLED_AT, kinds=BUILT_IN)
        yield image_document(row, image)
        images.append(image)
    images.sort(key=lambda image: image.digest)
    yield repository_document(row, images, tags=sorted(tags), pulls=Pulls())


def stored_manifest(made: Made) -> Content:
    """Return content as a store gives it back."""
    return Content(
        digest=made.digest,
        content_type=made.media_type,
        body=made.body,
        config=kept_config(made),
        children=tuple(stored_manifest(child) for child in made.children),
    )


def kept_config(made: Made) -> bytes | None:
    """Return the config if it is one that the indexer reads."""
    if made.config is None:
        return None
    # Not parsed, because that takes as long as all other steps of a document.
    digest, body = made.config
    config = Descriptor(made.config_type, digest, len(body))
    manifest = Manifest(ManifestKind.IMAGE, made.media_type, config=config)
    return body if config_descriptor(manifest, kinds=BUILT_IN) else None
