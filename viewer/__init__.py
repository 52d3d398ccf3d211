"""Drawings of architectures as terminal text or SVG; tables and figures of a bench (`bench_report.py`, `curves.py`)."""

from navarch.viewer.svg import draw_svg
from navarch.viewer.text import draw_text

__all__ = ["draw_svg", "draw_text"]
