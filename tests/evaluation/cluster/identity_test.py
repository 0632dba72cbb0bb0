"""What workers of a cluster must have in common."""

import warnings

import pytest

from sparse_jax.evaluation.cluster.identity import note_vectors
from sparse_jax.study.record import StudyWarning


def test_two_kinds_of_processors_are_said_once():
    known = []
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        for host, vectors in (('gpu', ''), ('a', 'AVX2'), ('b', 'AVX2')):
            note_vectors(host, vectors, known)
    with pytest.warns(StudyWarning, match='on c has AVX-512, earlier ones AVX2: '):
        note_vectors('c', 'AVX-512', known)
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        note_vectors('d', 'NEON', known)
    assert known == ['AVX2', 'AVX-512', 'NEON']
