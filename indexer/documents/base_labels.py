"""The labels that an image has from its base. Pure."""

from indexer.extract import config_labels, inherited_labels
from indexer.model import Content, Digest, Platform

_USUAL = (Platform("linux", "amd64"),)


def find_inherited(content: Content) -> dict[Digest, dict[str, str]]:
    """Return the labels that each manifest, of an index those below it, has from its base."""
    found: dict[Digest, dict[str, str]] = {}
    waiting, seen = [content], {content.digest}
    while waiting:
        one = waiting.pop()
        if one.base_labels and one.parsed_config is not None:
            labels = config_labels(one.parsed_config.object)
            found[one.digest] = inherited_labels(labels, one.base_labels)
        waiting += [child for child in one.children if child.digest not in seen]
        seen.update(child.digest for child in one.children)
    return found


def merge_base_labels(content: Content) -> dict[str, str]:
    """Return the inherited labels; where platforms differ, those of the one that is shown."""
    inherited = find_inherited(content)
    shown: set[Digest] = set()
    if len(inherited) > 1:
        children = content.manifest.children
        shown = {child.digest for child in children if child.platform in _USUAL}
    merged: dict[str, str] = {}
    for digest in sorted(inherited, key=lambda digest: digest not in shown):
        merged = inherited[digest] | merged
    return merged
