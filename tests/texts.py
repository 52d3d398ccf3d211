"""What two texts have in common."""


def shared(last, now):
    """Return how many characters two texts have in common from their beginning."""
    pairs = enumerate(zip(last, now, strict=False))
    return next((at for at, (one, other) in pairs if one != other), min(len(last), len(now)))
