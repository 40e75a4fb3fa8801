"""Where Klarna's APIs are. Credentials are per region and per environment, so a setting picks the host, never a country.

Merchants whose contract went to Kustom give its host as `base_url`: the same paths are there.
"""

from typing import Final, Literal

Region = Literal["eu", "na", "oc"]
Environment = Literal["live", "playground"]

_HOSTS: Final[dict[tuple[Region, Environment], str]] = {
    ("eu", "live"): "https://api.klarna.com",
    ("na", "live"): "https://api-na.klarna.com",
    ("oc", "live"): "https://api-oc.klarna.com",
    ("eu", "playground"): "https://api.playground.klarna.com",
    ("na", "playground"): "https://api-na.playground.klarna.com",
    ("oc", "playground"): "https://api-oc.playground.klarna.com",
}


def base_url_of(region: Region, environment: Environment) -> str:
    return _HOSTS[region, environment]
