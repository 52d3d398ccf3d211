"""Sketches that the tests of the viewer share."""

from navarch.spaces.nas_bench_201.cell import cell_sketch
from navarch.spaces.sketch import CellSketch, StageTable

EDGES_201 = cell_sketch(
    ("nor_conv_3x3", "nor_conv_1x1", "none", "skip_connect", "nor_conv_3x3", "avg_pool_3x3")
)
# nested as deep as four intermediate nodes can be
DARTS = CellSketch(
    "normal cell",
    ("cell k-2", "cell k-1", "node 2", "node 3", "node 4", "node 5", "output"),
    (
        (0, 2, "sep_conv_3x3"),
        (1, 2, "sep_conv_5x5"),
        (0, 3, "max_pool_3x3"),
        (2, 3, "avg_pool_3x3"),
        (1, 4, "sep_conv_3x3"),
        (3, 4, "skip_connect"),
        (0, 5, "dil_conv_5x5"),
        (4, 5, "dil_conv_3x3"),
        *((node, 6, "") for node in range(2, 6)),
    ),
)
CHAIN = StageTable(
    "blocks",
    ("block", "operation", "stride", "channels"),
    (
        ("stem", "conv_3x3", "2", "16"),
        ("block_1", "shuffle_5x5", "2", "64"),
        ("head", "conv_1x1", "1", "1,024"),
    ),
)
HOSTILE = "<script>alert('1')</script> & \"x\" ]]> \x00\x1b[31m\ud800\ufffe \u202eevil"
EVIL_CELL = CellSketch(HOSTILE, (HOSTILE, HOSTILE), ((0, 1, HOSTILE),))
EVIL_TABLE = StageTable(HOSTILE, (HOSTILE, "operation"), ((HOSTILE, HOSTILE),))
