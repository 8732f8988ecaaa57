"""Kinds that a plugin brings hold where one image is looked at, as they do where it is indexed."""

from pathlib import Path

import pytest

from indexer.extract import Kind, config
from indexer.extract.kinds.plugins import GROUP
from indexer.settings import Settings
from indexer.store import Store
from search_api.search.setup import make_service
from tests.builders import Blob, artifact
from tests.indexer.store.stored import push, put_repository

pytestmark = pytest.mark.anyio

GADGET = Kind(
    name="gadget", types=("application/vnd.gadget+json",), fields={"title": config("label")}
)
BUILT = artifact(
    "", {"a": b"1"}, config=Blob("application/vnd.gadget+json", b'{"label": "Sprocket"}')
)


@pytest.fixture
def _plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "gadget_kinds-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: gadget-kinds\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text(f"[{GROUP}]\ngadget = {__name__}:GADGET\n")
    monkeypatch.syspath_prepend(str(tmp_path))


@pytest.mark.usefixtures("_plugin")
async def test_an_image_is_of_the_kind_that_a_plugin_knows(tmp_path: Path) -> None:
    store = Store(tmp_path)
    push(store, put_repository(store), "1", BUILT, when=0)
    store.close()
    settings = Settings.model_construct(registry=(), data_dir=tmp_path, engine="whoosh")
    service = make_service(settings)
    found = await service.read(lambda resources: resources.image(BUILT.digest))
    assert (found["kind"], found["title"]) == ("gadget", "Sprocket")
    await service.close()
