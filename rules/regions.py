"""Where a request would be processed, as its host, its path and its body say.

A policy's own word for a destination comes first; this is what is known beside it. Sources: the
providers' documentation of endpoints and of cross-region inference, read in 2026.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from rules.decision import HttpRequest

ANYWHERE = "global"
UNKNOWN = ""

_COUNTRIES = {
    # AWS
    "eu-west-2": "uk", "eu-central-2": "ch", "ap-northeast-1": "jp", "ap-northeast-2": "kr",
    "ap-northeast-3": "jp", "ap-south-1": "in", "ap-south-2": "in", "ap-southeast-1": "sg",
    "ap-southeast-2": "au", "ap-southeast-4": "au", "ap-southeast-6": "nz",
    # Google
    "europe-west2": "uk", "europe-west6": "ch", "northamerica-south1": "mx",
    "asia-northeast1": "jp", "asia-northeast2": "jp", "asia-northeast3": "kr",
    "asia-south1": "in", "asia-south2": "in", "asia-southeast1": "sg",
}  # fmt: skip
"""Locations whose country says more than their name, or otherwise."""

_APART = frozenset({"uk", "ch", "mx"})
"""Countries that are not in the area that their locations are named after."""

_AREAS = (
    ("us-gov", ("us-gov", "us")), ("us", ("us",)), ("eusc", ("eu",)), ("europe", ("eu",)),
    ("eu", ("eu",)), ("ap", ("apac",)), ("asia", ("apac",)), ("australia", ("au", "apac")),
    ("northamerica-northeast", ("ca",)), ("northamerica", ()), ("southamerica", ("sa",)),
    ("ca", ("ca",)), ("sa", ("sa",)), ("mx", ("mx",)), ("me", ("me",)), ("il", ("il",)),
    ("af", ("af",)), ("africa", ("af",)), ("cn", ("cn",)),
)  # fmt: skip
"""What the names of locations begin with, and the areas that those are in."""

_AZURE = {
    "eu": ("westeurope", "northeurope", "francecentral", "germanywestcentral", "swedencentral",
           "italynorth", "polandcentral", "spaincentral", "austriaeast", "belgiumcentral"),
    "us": ("eastus", "eastus2", "westus", "westus2", "westus3", "centralus", "northcentralus",
           "southcentralus", "westcentralus"),
    "uk": ("uksouth", "ukwest"), "ch": ("switzerlandnorth", "switzerlandwest"),
    "no": ("norwayeast", "norwaywest"), "ca": ("canadacentral", "canadaeast"),
    "jp": ("japaneast", "japanwest"), "au": ("australiaeast", "australiasoutheast"),
    "kr": ("koreacentral",), "in": ("centralindia", "southindia", "westindia"),
    "sg": ("southeastasia",), "sa": ("brazilsouth",),
}  # fmt: skip
_AZURE_AREAS = {name: area for area, names in _AZURE.items() for name in names}

_PLACE = re.compile(r"[a-z]{2,12}(?:-[a-z]+)+-?\d+")
_LOCATION = rf"(?P<location>{_PLACE.pattern}|us|eu|global)"
_HOSTS = tuple(
    re.compile(pattern)
    for pattern in (
        r"(?:.*\.)?" + _LOCATION + r"\.(?:amazonaws\.(?:com|com\.cn|eu)|api\.aws)",
        _LOCATION + r"-aiplatform\.googleapis\.com",
        r"aiplatform\." + _LOCATION + r"\.rep\.googleapis\.com",
        r"(?P<location>us|eu)\.api\.openai\.com",
        rf"(?P<location>{'|'.join(_AZURE_AREAS)})\.api\.cognitive\.microsoft\.com",
    )
)
_BEDROCK = re.compile(
    r"bedrock(?:-[a-z-]+)?\..*\.amazonaws\.(?:com|com\.cn|eu)|bedrock-.*\.api\.aws"
)
_PROFILE = re.compile(r"(us|us-gov|eu|apac|ap|jp|au|ca|global)\.[a-z0-9-]+\.")
_ARN = re.compile(r"arn:aws[a-z-]*:bedrock:([a-z0-9-]*):[^:]*:([a-z-]+)/(.*)", re.DOTALL)
_LOCATIONS = re.compile(r"/locations/([^/:]+)")
_ANTHROPIC = "api.anthropic.com"


@functools.lru_cache(1024)
def region_names(region: str) -> tuple[str, ...]:
    """Give the names under which a policy may allow a region: its own, its country, its area."""
    if region in (UNKNOWN, ANYWHERE):
        return ()
    if region in _AZURE_AREAS:
        return region, _AZURE_AREAS[region]
    country = _COUNTRIES.get(region)
    areas: tuple[str, ...] = ()
    if _PLACE.fullmatch(region):
        areas = next((areas for start, areas in _AREAS if region.startswith(start)), ())
    if country in _APART:
        areas = ()
    return tuple(dict.fromkeys((region, *((country,) if country else ()), *areas)))


@functools.lru_cache(1024)
def host_region(host: str) -> str:
    """Give the region that a provider's host is in, empty where its name does not say."""
    for pattern in _HOSTS:
        found = pattern.fullmatch(host)
        if found is not None:
            region = found["location"]
            return region if region_names(region) else UNKNOWN
    return UNKNOWN


@functools.lru_cache(1024)
def asks_for_region(host: str) -> bool:
    """Say whether requests to a host may say themselves where they are processed."""
    return host == _ANTHROPIC or _is_vertex(host) or _BEDROCK.fullmatch(host) is not None


def asked_regions(request: HttpRequest) -> tuple[str, ...]:
    """Give the regions that a request itself asks to be processed in.

    `global` stands for anywhere, an empty text for a request that may say so and cannot be read.
    """
    if not asks_for_region(request.host):
        return ()
    if request.host == _ANTHROPIC:
        return tuple(_anthropic(request))
    if _is_vertex(request.host):
        return tuple(dict.fromkeys(_LOCATIONS.findall(unquote(request.path))))
    return tuple(dict.fromkeys(_bedrock(request)))


def _is_vertex(host: str) -> bool:
    return host.endswith("aiplatform.googleapis.com") or (
        host.startswith("aiplatform.") and host.endswith(".rep.googleapis.com")
    )


def _anthropic(request: HttpRequest) -> Iterator[str]:
    if request.body_kind == "none":
        return
    if request.body_kind != "json":
        yield UNKNOWN
        return
    asked = request.body.get("inference_geo") if isinstance(request.body, dict) else None
    batch = request.body.get("requests") if isinstance(request.body, dict) else None
    found = [asked] if asked is not None else []
    if isinstance(batch, list):
        # Each message of a batch may say so for itself.
        found += [geo for item in batch if (geo := _of_batch(item)) is not None]
    for geo in dict.fromkeys(map(_text, found)):
        yield geo


def _of_batch(item: Any) -> Any:
    params = item.get("params") if isinstance(item, dict) else None
    return params.get("inference_geo") if isinstance(params, dict) else None


def _text(value: Any) -> str:
    return value.lower() if isinstance(value, str) else UNKNOWN


def _bedrock(request: HttpRequest) -> Iterator[str]:
    parts = request.path.split("/")
    if len(parts) > 2 and parts[1] == "model":
        yield from _model(unquote("/".join(parts[2:-1]) if len(parts) > 3 else parts[2]))
    if request.body_kind in ("json", "none"):
        if isinstance(request.body, dict):
            for key in ("modelId", "model"):
                if key in request.body:
                    value = request.body[key]
                    yield from _model(value) if isinstance(value, str) else (UNKNOWN,)
    elif request.body_kind != "opaque" or parts[1:2] != ["model"]:
        # What cannot be read may name a model; under /model/ it is only the model's input.
        yield UNKNOWN


def _model(model: str) -> Iterator[str]:
    """Give where a model runs beside the host's own region: its profile says so."""
    arn = _ARN.fullmatch(model)
    if arn is not None:
        region, kind, name = arn.groups()
        if region:
            yield region
        if kind == "application-inference-profile":
            # It stands for another profile, which its name does not tell.
            yield UNKNOWN
            return
        model = name
    profile = _PROFILE.match(model)
    if profile is not None:
        yield {"ap": "apac"}.get(profile[1], profile[1])
