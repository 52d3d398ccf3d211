"""The names of the proxies and of the figures that each gives; this needs no torch."""

from collections.abc import Iterable

from navarch import NavarchError

# proxy -> the figures it gives; az_nas is joined from three and `macs`, over a set of architectures
FIGURES: dict[str, tuple[str, ...]] = {
    "params": ("params",),
    "macs": ("macs",),
    "grad_norm": ("grad_norm",),
    "snip": ("snip",),
    "grasp": ("grasp",),
    "fisher": ("fisher",),
    "synflow": ("synflow",),
    "jacob_cov": ("jacob_cov",),
    "naswot": ("naswot",),
    "zen": ("zen",),
    "zico": ("zico",),
    "az_nas": ("az_expressivity", "az_progressivity", "az_trainability"),
    "meco": ("meco",),
}
PROXIES = tuple(FIGURES)


def check_names(names: Iterable[str]) -> tuple[str, ...]:
    """Return the names, each once. Raises: NavarchError for a name that no proxy has."""
    found = tuple(dict.fromkeys(names))
    for name in found:
        if name not in FIGURES:
            raise NavarchError(f"there is no proxy {name!r}; the proxies are: {', '.join(PROXIES)}")
    return found
