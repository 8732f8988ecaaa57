"""Machine learning: models as ModelPack, KitOps, Docker and Ollama store them."""

from indexer.extract.kinds.kind import Kind, config, layer

MODELS = (
    Kind(
        name="model",
        aliases=("modelpack",),
        types=(
            "application/vnd.cncf.model.manifest.v1+json",
            "application/vnd.cncf.model.config.v1+json",
        ),
        fields={
            "title": (config("descriptor", "title"), config("descriptor", "name")),
            "version": config("descriptor", "version"),
            "description": config("descriptor", "description"),
            "vendor": config("descriptor", "vendor"),
            "authors": config("descriptor", "authors"),
            "licenses": config("descriptor", "licenses"),
            "documentation": config("descriptor", "docURL"),
            "source": config("descriptor", "sourceURL"),
            "revision": config("descriptor", "revision"),
            "created": config("descriptor", "createdAt"),
        },
        properties={
            "family": config("descriptor", "family"),
            "architecture": config("config", "architecture"),
            "format": config("config", "format"),
            "parameters": config("config", "paramSize"),
            "precision": config("config", "precision"),
            "quantization": config("config", "quantization"),
            "inputs": config("config", "capabilities", "inputTypes"),
            "outputs": config("config", "capabilities", "outputTypes"),
            "datasets": config("descriptor", "datasetsURL"),
        },
        contents=(layer("org.cncf.model.filepath"),),
    ),
    Kind(
        name="modelkit",
        aliases=("kitops", "model"),
        types=("application/vnd.kitops.modelkit.config.v1+json",),
        fields={
            "title": (config("package", "name"), config("model", "name")),
            "version": (config("package", "version"), config("model", "version")),
            "description": (config("package", "description"), config("model", "description")),
            "licenses": (config("package", "license"), config("model", "license")),
            "authors": config("package", "authors"),
        },
        properties={
            "model": config("model", "name"),
            "framework": config("model", "framework"),
            "parts": config("model", "parts", "name"),
            "datasets": config("datasets", "name"),
        },
        contents=(
            config("model", "path"),
            config("code", "path"),
            config("datasets", "path"),
            config("docs", "path"),
        ),
    ),
    Kind(
        name="docker-model",
        types=("application/vnd.docker.ai.model.config.*",),
        layers=("application/vnd.docker.ai.*",),
        fields={
            "title": config("config", "gguf", "general.name"),
            "licenses": config("config", "gguf", "general.license"),
            "created": (config("descriptor", "created"), config("descriptor", "createdAt")),
        },
        properties={
            "architecture": config("config", "architecture"),
            "format": config("config", "format"),
            "parameters": config("config", "parameters"),
            "quantization": config("config", "quantization"),
            "size": config("config", "size"),
            "context_length": config("config", "context_size"),
        },
        contents=(layer("org.cncf.model.filepath"),),
    ),
    Kind(
        name="ollama-model",
        layers=("application/vnd.ollama.image.*",),
        properties={
            "family": (config("model_families"), config("model_family")),
            "format": config("model_format"),
            "parameters": config("model_type"),
            "quantization": config("file_type"),
            "context_length": config("context_length"),
            "capabilities": config("capabilities"),
        },
    ),
)
