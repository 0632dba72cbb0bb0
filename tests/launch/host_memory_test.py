"""Arenas of the C library's allocator, in processes of their own."""

import platform
import subprocess
import sys

import pytest

from tests.launch import command_line

pytestmark = pytest.mark.skipif(
    platform.libc_ver()[0] != 'glibc', reason='the allocator is that of glibc')

HOLES = """
import ctypes, pathlib, threading
from launch import host_memory
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
def resident():
    pages = pathlib.Path('/proc/self/statm').read_text().split()[1]
    return int(pages) * 4096 / 2**20
def fill():
    blocks = [libc.malloc(60_000) for _ in range(1500)]
    for block in blocks:
        ctypes.memset(block, 1, 60_000)
    for block in blocks[:-1]:  # the last one keeps the end of its arena
        libc.free(block)
thread = threading.Thread(target=fill)
thread.start()
thread.join()
before = resident()
host_memory.give_back()
print(before - resident())
"""
"""Prints the MB that are given back of 86 that are free below a block in use."""

ARENAS = """
import ctypes, os, tempfile, threading
from launch import host_memory
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.fopen.restype = ctypes.c_void_p, ctypes.c_void_p
libc.fclose.argtypes = [ctypes.c_void_p]
os.sched_getaffinity = lambda pid: {0, 1, 2}
host_memory.few_arenas()
together = threading.Barrier(12)
def work():
    libc.malloc(1000)
    together.wait()
threads = [threading.Thread(target=work) for _ in range(12)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
with tempfile.NamedTemporaryFile('r') as file:
    told = libc.fopen(file.name.encode(), b'w')
    libc.malloc_info(0, ctypes.c_void_p(told))
    libc.fclose(told)
    print(file.read().count('<heap nr='))
"""
"""Prints the arenas of 12 threads on three cores."""


def _printed(program, **environment):
    return float(subprocess.run(
        [sys.executable, '-c', program], env=command_line.ENVIRONMENT | environment,
        cwd=command_line.ROOT, check=True, capture_output=True, text=True).stdout)


def test_pages_between_blocks_in_use_are_given_back():
    assert _printed(HOLES) > 60


def test_threads_share_an_arena_per_core():
    assert _printed(ARENAS) == 3


def test_what_the_environment_says_of_arenas_stays():
    assert _printed(ARENAS, MALLOC_ARENA_MAX='5') == 5
