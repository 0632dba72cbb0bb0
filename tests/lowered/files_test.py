"""Entries of the store: whole and their own, or none."""

from sparse_jax.lowered import files


def test_what_is_written_is_read(tmp_path):
    assert files.read(tmp_path, 'a') is None
    for content in (b'', b'text', bytes(100_000)):
        files.write(tmp_path, 'a', content)
        assert files.read(tmp_path, 'a') == content
    assert [path.name for path in tmp_path.iterdir()] == ['a.lowered']


def test_any_damage_makes_it_none(tmp_path):
    files.write(tmp_path, 'a', b'the content')
    path = tmp_path / 'a.lowered'
    whole = path.read_bytes()
    for end in range(len(whole)):
        path.write_bytes(whole[:end])
        assert files.read(tmp_path, 'a') is None
        path.write_bytes(whole[:end] + bytes([whole[end] ^ 1]) + whole[end + 1:])
        assert files.read(tmp_path, 'a') is None
    path.write_bytes(whole)
    assert files.read(tmp_path, 'a') == b'the content'


def test_an_entry_of_another_name_is_none(tmp_path):
    files.write(tmp_path, 'a', b'the content')
    (tmp_path / 'a.lowered').rename(tmp_path / 'b.lowered')
    assert files.read(tmp_path, 'b') is None


def test_where_nothing_can_be_written_nothing_is(tmp_path):
    files.write(tmp_path / 'missing', 'a', b'content')
    (tmp_path / 'b.lowered').mkdir()
    files.write(tmp_path, 'b', b'content')
    assert files.read(tmp_path, 'b') is None
