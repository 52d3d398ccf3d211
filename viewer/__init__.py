"""Drawings of architectures: a sketch as terminal text or as SVG. The standard library alone."""

from navarch.viewer.svg import draw_svg
from navarch.viewer.text import draw_text

__all__ = ["draw_svg", "draw_text"]
