"""The learning curve of a network in the report."""

import math
from xml.etree.ElementTree import tostring

from sparse_jax.report import curve
from sparse_jax.study.learning import Learning


def test_the_report_draws_both():
    drawn = curve.draw(Learning((1, 2, 4), (2.0, math.nan, 1.0), (0.5, 0.6, 0.7)), 0.65)
    text = tostring(drawn, 'unicode')
    assert 'Learning curve' in text and 'Training loss' in text
    alone = tostring(curve.draw(
        Learning((1, 2), (math.nan,) * 2, (0.5, 0.6)), None), 'unicode')
    assert 'Learning curve' in alone and 'Training loss' not in alone
    assert curve.draw(Learning(), 0.5) is None
