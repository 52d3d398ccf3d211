"""Numbers of things in words."""

_IRREGULAR = {"reply": "replies", "class": "classes"}


def counted(number: int, noun: str) -> str:
    """Return so many of a thing: `1 trial`, `2 trials`, `12,000 tokens`; the last word of the noun is counted."""
    *before, word = noun.split(" ")
    many = _IRREGULAR.get(word, f"{word}s")
    return " ".join((f"{number:,}", *before, word if number == 1 else many))
