"""Time zones by the names that Rails has for them, which Canvas keeps. Pure."""

from functools import cache

from canvas_channels.core.identity.validators import time_zones

# Those that are named for more than a city.
_REGIONS = {
    "Atlantic Time (Canada)": "America/Halifax",
    "Eastern Time (US & Canada)": "America/New_York",
    "Indiana (East)": "America/Indiana/Indianapolis",
    "Central Time (US & Canada)": "America/Chicago",
    "Central America": "America/Guatemala",
    "Mountain Time (US & Canada)": "America/Denver",
    "Pacific Time (US & Canada)": "America/Los_Angeles",
    "Arizona": "America/Phoenix",
    "Alaska": "America/Juneau",
    "Hawaii": "Pacific/Honolulu",
    "Newfoundland": "America/St_Johns",
    "New Delhi": "Asia/Kolkata",
    "Mumbai": "Asia/Kolkata",
    "Chennai": "Asia/Kolkata",
    "Beijing": "Asia/Shanghai",
    "Abu Dhabi": "Asia/Muscat",
    "Bern": "Europe/Zurich",
    "Edinburgh": "Europe/London",
    "Osaka": "Asia/Tokyo",
    "Sapporo": "Asia/Tokyo",
    "Wellington": "Pacific/Auckland",
    "Canberra": "Australia/Canberra",
}


def iana(name: str) -> str:
    """``Europe/Berlin`` for ``Berlin``; empty for what is no zone that is known."""
    return name if name in time_zones() else _REGIONS.get(name) or _cities().get(name, "")


@cache
def _cities() -> dict[str, str]:
    """Zones by their city; a city that is in two of them stands for neither."""
    found: dict[str, set[str]] = {}
    for zone in time_zones():
        region, _, city = zone.partition("/")
        if city and region in {"Africa", "America", "Asia", "Atlantic", "Australia", "Europe", "Pacific"}:
            found.setdefault(city.rpartition("/")[2].replace("_", " "), set()).add(zone)
    return {city: zones.pop() for city, zones in found.items() if len(zones) == 1}
