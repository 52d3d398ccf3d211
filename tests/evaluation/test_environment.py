import platform
import subprocess
import sys

import pytest

from navarch.evaluation import environment
from navarch.evaluation.environment import worker_environment

SECRETS = {"NAVARCH_API_KEY": "canary-8f2e61", "MALLOC_PERTURB_": "1"}
USER = {"PATH": "/bin", "LC_ALL": "C.UTF-8", "OMP_NUM_THREADS": "7"}

FAULTS = """
import resource

def fill():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    bytearray(20 * 2**20)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

fill()
print(fill())
"""


def test_a_worker_sees_what_is_allowed_its_threads_and_how_it_keeps_memory(monkeypatch):
    monkeypatch.setattr(environment, "glibc_version", lambda: (2, 41))
    seen = worker_environment(USER | SECRETS, threads=1)
    assert seen == {
        "PATH": "/bin",
        "LC_ALL": "C.UTF-8",
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "MALLOC_TRIM_THRESHOLD_": "4294967296",
        "MALLOC_MMAP_THRESHOLD_": "4294967296",
    }


@pytest.mark.parametrize(
    ("glibc", "largest"),
    [((2, 28), "33554432"), ((2, 35), "33554432"), ((2, 36), "4294967296"), (None, None)],
)
def test_an_older_glibc_is_given_no_more_than_it_accepts(glibc, largest):
    assert environment.keep_memory(glibc).get("MALLOC_MMAP_THRESHOLD_") == largest


def test_a_command_of_the_user_keeps_threads_and_memory_as_they_are():
    seen = worker_environment(USER | SECRETS, threads=None)
    assert seen == {"PATH": "/bin", "LC_ALL": "C.UTF-8", "OMP_NUM_THREADS": "7"}


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the variables are glibc's")
@pytest.mark.parametrize(("threads", "keeps"), [(1, True), (None, False)])
def test_freed_memory_is_used_again_without_asking_the_system(threads, keeps):
    seen = worker_environment(USER, threads=threads)
    ended = subprocess.run(
        [sys.executable, "-S", "-c", FAULTS], env=seen, capture_output=True, text=True, check=True
    )
    assert (int(ended.stdout) < 20) == keeps  # of 5,120 pages
