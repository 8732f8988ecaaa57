"""WebAssembly: components, applications of Spin, and modules inside images."""

from indexer.extract.kinds.kind import Kind, annotation, config

WASM = (
    Kind(
        name="spin-app",
        aliases=("wasm",),
        types=("application/vnd.fermyon.spin.application.v1+config",),
        json_configs=("application/vnd.fermyon.spin.application.v1+config",),
        annotations_first=True,
        fields={
            "title": config("metadata", "name"),
            "version": config("metadata", "version"),
            "description": config("metadata", "description"),
            "authors": config("metadata", "authors"),
        },
        properties={"triggers": config("triggers", "trigger_type")},
        contents=(config("components", "id"),),
    ),
    Kind(
        name="wasm-image",
        is_image=True,
        annotations=("module.wasm.image/variant=compat", "run.oci.handler=wasm"),
        platforms=("wasi/wasm", "wasip1/wasm", "wasip2/wasm"),
    ),
    Kind(
        name="wasm",
        types=(
            "application/vnd.wasm.config.v0+json",
            "application/vnd.wasm.config.v1+json",
        ),
        layers=("application/wasm", "application/vnd.wasm.content.layer.v1+wasm"),
        has_platform=True,
        fields={
            "created": config("created"),
            "authors": (config("author"), annotation("org.opencontainers.image.authors")),
        },
        properties={
            "exports": config("component", "exports"),
            "imports": config("component", "imports"),
            "target": config("component", "target"),
        },
    ),
)
