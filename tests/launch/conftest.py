"""Pictures are drawn for the tests that look at them."""

import pytest

from launch import compare_figure, figure


@pytest.fixture
def without_pictures(monkeypatch):
    """Files of pictures stay empty: those of one report take a second to draw."""
    blank = lambda target, *_: target.write(b'')
    for module, name in ((figure, 'draw'), (figure, 'draw_progress'),
                         (compare_figure, 'draw')):
        monkeypatch.setattr(module, name, blank)
