"""Language models side by side, behind one protocol."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from redaction.errors import ModelMissing
from redaction.models.protocol import NameModel

__all__ = ["ModelMissing", "NameModel", "engine_settings", "load_models", "spacy_models"]

KNOWN = ("spacy", "rampart")
"""What a policy's `models` may name."""


def load_models(
    models: Sequence[str] = ("spacy",),
    languages: Sequence[str] = ("en",),
    engine: Mapping[str, Any] | None = None,
) -> list[NameModel]:
    """Load the models of a search; none of them is no fault, and then only forms are searched.

    `engine` says which spaCy model serves which language, as Presidio's NLP engine file does:
    `{nlp_engine_name: spacy, models: [{lang_code: de, model_name: de_core_news_md}]}`. English has
    one without it. Raises `ModelMissing` for a model that is not there.
    """
    named = spacy_models(engine)
    loaded: list[NameModel] = []
    for model in models:
        if model == "spacy":
            from redaction.models.spacy_model import SpacyModel

            loaded += [SpacyModel(code, named.get(code, "")) for code in languages]
        elif model == "rampart":
            from redaction.models.rampart import RampartModel

            loaded.append(RampartModel())
        else:
            raise ModelMissing(f"There is no model {model!r}; models are {', '.join(KNOWN)}.")
    return loaded


def engine_settings(path: Path) -> Mapping[str, Any]:
    """Read a file of Presidio's NLP engine settings; raises `ModelMissing` that names it."""
    try:
        settings = yaml.safe_load(path.read_text("utf-8"))
        if not isinstance(settings, Mapping):
            raise ModelMissing("the file must hold a mapping.")
        spacy_models(settings)
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        raise ModelMissing(f"{path}: the file cannot be read as YAML.") from None
    except ModelMissing as error:
        raise ModelMissing(f"{path}: {error}") from None
    return settings


def spacy_models(engine: Mapping[str, Any] | None) -> dict[str, str]:
    """Read the name or path of each language's model from Presidio's NLP engine settings."""
    if not engine:
        return {}
    name = engine.get("nlp_engine_name", "spacy")
    if name != "spacy":
        raise ModelMissing(f"nlp_engine_name must be spacy, not {name!r}.")
    models = engine.get("models") or []
    if not isinstance(models, Sequence) or isinstance(models, str):
        raise ModelMissing("nlp_engine.models must be a list of lang_code and model_name.")
    named: dict[str, str] = {}
    for item in models:
        if not isinstance(item, Mapping) or not {"lang_code", "model_name"} <= item.keys():
            raise ModelMissing("Each of nlp_engine.models needs lang_code and model_name.")
        model = item["model_name"]
        # Presidio takes a mapping here too, of spaCy's and a transformer's.
        if isinstance(model, Mapping):
            model = model.get("spacy", "")
        named[str(item["lang_code"])] = str(model)
    return named
