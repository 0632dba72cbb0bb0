"""Refuses what does not fit a board, saying by how much and because of which layer."""

from sparse_jax.export.chip.boards import Board
from sparse_jax.export.chip.image import Image
from sparse_jax.export.errors import VerificationError
from sparse_jax.export.project.facts import live_bytes, peak_step, weighted


def check_plan(facts: dict, board: Board) -> None:
    """Before compiling: the arena alone and the tables alone must fit."""
    arena = facts['arena']['bytes']
    if arena > board.ram.bytes:
        raise VerificationError(
            f'{board.name}: tensors need {arena} B of {board.ram.bytes} B RAM, '
            f'{arena - board.ram.bytes} B too many; {_peak(facts)}')
    tables = sum(sum(layer['tables'].values()) for layer in weighted(facts))
    if tables > board.flash.bytes:
        raise VerificationError(
            f'{board.name}: weight tables need {tables} B of {board.flash.bytes} B '
            f'flash, {tables - board.flash.bytes} B too many; {_largest(facts)}')


def check_image(facts: dict, board: Board, image: Image) -> None:
    """After linking: flash and static RAM must fit and leave some stack."""
    if image.flash > board.flash.bytes:
        raise VerificationError(
            f'{board.name}: the image takes {image.flash} B of {board.flash.bytes} B '
            f'flash, {image.flash - board.flash.bytes} B too many; {_largest(facts)}')
    free = board.ram.bytes - image.static_ram
    if free <= 0:
        raise VerificationError(
            f'{board.name}: static data take {image.static_ram} B of '
            f'{board.ram.bytes} B RAM and leave no stack, {1 - free} B too many; '
            f'{_peak(facts)}')


def check_stack(facts: dict, board: Board, static_ram: int, stack: int) -> None:
    """After running: the stack must not have grown into the static data."""
    free = board.ram.bytes - static_ram
    if stack >= free:
        raise VerificationError(
            f'{board.name}: the stack ran into the static data ({static_ram} B static '
            f'leave {free} B); {_peak(facts)}')


def _peak(facts: dict) -> str:
    step = peak_step(facts)
    return f'the peak is at {step}, {live_bytes(facts, step)} B'


def _largest(facts: dict) -> str:
    tables = {x['name']: sum(x['tables'].values()) for x in weighted(facts)}
    name = max(tables, key=lambda layer: tables[layer])
    return f'the largest layer is {name}, {tables[name]} B'
