"""Break every promise of docs/reliability.md in a copy of the code: its test must fail.

    python -m benchmarks.promises [WORDS]

A promise that no test would miss is none. Each entry takes the lines that keep one
promise out of a copy of the project and runs the test that holds it, which has to pass
on the whole copy and to fail on the broken one. Prints a table; exits with 1 where a
test does not notice. WORDS choose the promises that have them in their text.
"""

import pathlib
import shutil
import subprocess
import sys
import tempfile
from typing import NamedTuple

_ROOT = pathlib.Path(__file__).resolve().parents[1]


class Break(NamedTuple):
    """A promise taken out of the code."""

    promise: str
    path: str
    """Of the file that keeps it."""
    kept: str
    """The text in it that does, which occurs once."""
    broken: str
    """What takes its place."""
    test: str
    """Argument of pytest."""


BREAKS = (
    Break('a retraining has random numbers of its own',
          'sparse_jax/study/retraining.py',
          'root = seed_of(settings, data.digest(study.dataset), rows, seed)',
          'root = settings.seed', 'tests/launch/retrain_test.py'),
    Break('another default generator changes nothing', 'sparse_jax/host_random.py',
          'return jax.random.key(seed, impl=IMPLEMENTATION)',
          'return jax.random.key(seed)', 'tests/host_random_test.py'),
    Break('random numbers that differ are noticed', 'sparse_jax/host_random.py',
          'return found.hexdigest()[:16]', "return '0'", 'tests/host_random_test.py'),
    Break('the number of cores changes no training', 'sparse_jax/compiler.py',
          '(SUMS_IN_ONE_PART | (effort or {}))', '(effort or {})',
          'tests/cores_test.py'),
    Break('the number of cores changes no fit', 'sparse_jax/surrogate/programs.py',
          "compiler.repeatable('cpu', effort)", 'compiler.known(effort)',
          'tests/cores_test.py'),
    Break('the number of cores changes no gradient of a distance',
          'sparse_jax/surrogate/embedding.py', 'jax.lax.optimization_barrier(b.T)',
          'b.T', 'tests/cores_test.py'),
    Break('the number of cores changes no joint covariance',
          'sparse_jax/surrogate/posterior.py',
          'cross = jax.lax.optimization_barrier(cross)', 'pass',
          'tests/cores_test.py'),
    Break('a training over a hard budget teaches', 'sparse_jax/search/credit.py',
          'if own.ok or (own.trained and own.status == _OVER):', 'if own.ok:',
          'tests/search/credit_test.py'),
    Break('near names of arrays are refused', 'sparse_jax/data/named_arrays.py',
          "text = re.sub('[^a-z]', '', key.lower())", 'text = key',
          'tests/data/npz_test.py'),
    Break('channels in front are seen', 'sparse_jax/data/layout.py',
          'return LAYOUTS[0] if last else LAYOUTS[1]', 'return LAYOUTS[0]',
          'tests/data/layout_test.py'),
    Break('labels 1 .. K are classes', 'sparse_jax/data/labels.py',
          'elif 1 < high <= _MOST and', 'elif False and', 'tests/data/labels_test.py'),
    Break('the pixel mapping of the header is exact',
          'sparse_jax/export/code/c_header.py', "repr(float(net.pixel_low))",
          "f'{net.pixel_low:.6g}'", 'tests/export/c_header_test.py'),
    Break('one hot pixel does not decide the codes', 'sparse_jax/quantize/pixels.py',
          'kept = values[(values >= low - spread) & (values <= high + spread)]',
          'kept = values', 'tests/quantize/pixels_test.py'),
    Break('int8 fine-tuning returns nothing worse', 'sparse_jax/quantize/tuned.py',
          'wins = np.isfinite(after[0]) and (not np.isfinite(before[0]) '
          'or after > before)', 'wins = end is not None',
          'tests/quantize/finetune_test.py'),
    Break('a used-up space ends the search', 'sparse_jax/search/planning.py',
          'if not trials and not continued:', 'if False:', 'tests/search/loop_test.py'),
    Break('no network better than the largest class is said', 'launch/tables.py',
          'if not errors or min(errors) < error:', 'if True:',
          'tests/launch/report_test.py'),
    Break('test labels wait for the end of a search', 'launch/report.py',
          'if test is None and lock.is_held(study.folder):', 'if False:',
          'tests/launch/report_test.py'),
    Break('no module below a study is imported', 'sparse_jax/factories.py',
          '_check_place(module)', 'pass', 'tests/launch/trust_test.py'),
    Break('code that a stored study names needs consent', 'sparse_jax/study/opened.py',
          'if not trust_factories:', 'if False:', 'tests/launch/trust_test.py'),
    Break('links in a workdir are replaced, not followed', 'sparse_jax/replacing.py',
          'os.replace(temporary, path)',
          'path.resolve().write_bytes(temporary.read_bytes())',
          'tests/study/files_test.py'),
    Break('folders of others are not deleted', 'sparse_jax/study/checkpoints.py',
          'for name in sorted(names - kept):',
          'for name in {p.name for p in folder.iterdir() if p.is_dir()} - kept:',
          'tests/study/checkpoints_test.py'),
    Break('another program that holds the study is waited for',
          'sparse_jax/study/database.py', 'if primary_code(error) not in _BUSY:\n'
          '                    raise', 'raise', 'tests/study/integrity_test.py'),
    Break('signals end with one line', 'launch/interrupts.py',
          'signal.signal(number, lambda *_: None)', 'pass',
          'tests/launch/interrupts_test.py'),
    Break('damaged records are noticed', 'sparse_jax/study/parsing.py',
          'return not self._sealed or values.get(CHECK) == checksum(table, values)',
          'return True', 'tests/study/integrity_test.py'),
    Break('a study of no bytes is a new one', 'sparse_jax/study/records.py',
          "if not db.read('SELECT name FROM sqlite_master'):", 'if False:',
          'tests/study/integrity_test.py'),
    Break('deleted checkpoints come back', 'sparse_jax/search/loop.py',
          'if books.rounds:\n'
          '        _keep(setup, study, books, books.rounds)', 'pass',
          'tests/search/loop_test.py'),
    Break('a plan beside a training knows nothing of it', 'sparse_jax/search/books.py',
          'if number < round_ - self._lag:', 'if number < self.rounds:',
          'tests/search/lag_test.py'),
    Break('weights that somebody may ask for are kept',
          'sparse_jax/search/thinning.py', 'self._waiting.values(), ', '',
          'tests/search/thinning_test.py'),
    Break('a torn export is replaced', 'sparse_jax/export/project/folder.py',
          "write_report(out, {'made_by': MARKER, 'files': sorted({*names, *earlier}),\n"
          "                       'torn': True})", 'pass',
          'tests/export/folder_test.py'),
    Break('a file system without locks has a way on', 'sparse_jax/study/lock.py',
          '_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)',
          '_NO_LOCKS = ()', 'tests/study/lock_test.py'),
    Break('torn entries of the compile cache are dropped', 'launch/compile_cache.py',
          'if known.get(path.name) == size or _is_whole(path):', 'if True:',
          'tests/launch/compile_cache_test.py'),
    Break('addresses of other machines are refused', 'sparse_jax/paths.py',
          'if _SCHEME.match(text):', 'if False:', 'tests/paths_test.py'),
    Break('~ is the home folder', 'sparse_jax/paths.py',
          'path = pathlib.Path(text).expanduser()', 'path = pathlib.Path(text)',
          'tests/paths_test.py'),
    Break('a header that claims too much is refused', 'sparse_jax/data/npz.py',
          'if max(claimed, info.file_size) > _COMPRESSION * (info.compress_size + 1):',
          'if False:', 'tests/data/npz_test.py'),
    Break('idx files may be named with a dot', 'sparse_jax/data/idx.py',
          "spellings = (name, name.replace('-idx', '.idx'))", 'spellings = (name,)',
          'tests/data/idx_test.py'),
    Break('the header is one of C++ too', 'sparse_jax/export/code/c_header.py',
          'extern "C" {', '', 'tests/export/c_header_test.py'),
)


def passes(root: pathlib.Path, test: str) -> bool:
    """Whether a test passes on a copy of the project."""
    done = subprocess.run(
        [sys.executable, '-m', 'pytest', '-q', '-x', '-p', 'no:cacheprovider', '-m', '',
         test],
        cwd=root, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        raise SystemExit(f'{test}: exit {done.returncode}: {done.stdout[-500:]}')
    return done.returncode == 0


def noticed(root: pathlib.Path, entry: Break) -> bool:
    """Whether the test of a promise fails once the promise is taken out."""
    path = root / entry.path
    whole = path.read_text()
    if whole.count(entry.kept) != 1:
        raise SystemExit(f'{entry.path}: {entry.kept!r} occurs '
                         f'{whole.count(entry.kept)} times, not once')
    path.write_text(whole.replace(entry.kept, entry.broken))
    try:
        return not passes(root, entry.test)
    finally:
        path.write_text(whole)


def main() -> None:
    """Print the table."""
    words, missed = ' '.join(sys.argv[1:]), 0
    chosen = [entry for entry in BREAKS if words in entry.promise]
    with tempfile.TemporaryDirectory(prefix='sparse_jax_promises_') as folder:
        root = pathlib.Path(folder) / 'copy'
        shutil.copytree(_ROOT, root, ignore=shutil.ignore_patterns(
            '.*', 'runs', '__pycache__', '*.egg-info'))
        whole = {test: passes(root, test)
                 for test in sorted({entry.test for entry in chosen})}
        if not all(whole.values()):
            raise SystemExit(f'fail on the whole code: '
                             f'{[test for test, fine in whole.items() if not fine]}')
        print('| promise | taken out of | test that then fails |\n|---|---|---|')
        for entry in chosen:
            found = noticed(root, entry)
            missed += not found
            print(f'| {entry.promise} | `{entry.path}` | `{entry.test}`'
                  f'{"" if found else ": **it passes**"} |', flush=True)
    if missed:
        raise SystemExit(f'{missed} promises are held by no test')


if __name__ == '__main__':
    main()
