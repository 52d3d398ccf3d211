"""torchvision imports through one place, also where its wheel and torch's are of different builds."""

import subprocess
import sys

import pytest

pytest.importorskip("torch")
SCRIPT = """
from navarch.evaluation.vision import import_torchvision
transforms = import_torchvision("transforms.v2")
import torch
print(tuple(transforms.RandomCrop(4)(torch.zeros(3, 8, 8)).shape))
print(import_torchvision() is import_torchvision())
"""


@pytest.mark.slow
def test_torchvision_imports_and_its_transforms_work():
    ended = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False)
    assert ended.stdout.split("\n")[:2] == ["(3, 4, 4)", "True"], ended.stderr


def test_an_error_of_another_kind_is_not_hidden(monkeypatch):
    from navarch.evaluation import vision

    def refuse(name):
        raise RuntimeError("something else")

    monkeypatch.setattr(vision, "import_module", refuse)
    with pytest.raises(RuntimeError, match="something else"):
        vision.import_torchvision()
