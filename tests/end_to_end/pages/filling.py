"""What the pages show in tests and pictures."""

from tests import demo_content
from tests.end_to_end.deployment import Deployment
from tests.end_to_end.pages.places import hostile_images
from tests.push import Push, push_many


def fill(deployment: Deployment) -> None:
    """Start a registry and a service, and push what the pages are to show."""
    deployment.registry.start()
    push_many(deployment.registry.url, demo_content.before(), threads=2)
    deployment.service.start()
    deployment.service.wait_until_idle()
    hostile = [Push("hostile/image", built, tag) for tag, built in hostile_images().items()]
    push_many(deployment.registry.url, [*demo_content.after(), *hostile], threads=2)
    deployment.service.wait_until_found(
        *(f"repo:{name}" for name in demo_content.repositories()),
        *(f"hostile/image:{tag}" for tag in hostile_images()),
        seconds=30,
    )
    deployment.service.wait_until_idle()
