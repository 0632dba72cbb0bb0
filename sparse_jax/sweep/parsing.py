"""'config.seed=0:5; config.pruning.method=sparse_vd,bayes_compress' -> points.

Settings are separated by semicolons and multiplied, the last one changes fastest. The
values of one are separated by commas; LOW:HIGH and LOW:HIGH:STEP are the whole numbers
that Python's `range` gives. Quotes and brackets keep what is between them together:
`config.pruning.cuts=(),(-1.0,1.0)`, `config.space.restrict='alpha=0.1,alpha-2=1'`.
"""

import re
from collections.abc import Iterator

from sparse_jax.settings.errors import ConfigError
from sparse_jax.sweep import hyper

_NAME = re.compile(r'config(\.[A-Za-z_]\w*)+')
_RANGE = re.compile(r'(-?\d{1,12}):(-?\d{1,12})(?::(-?\d{1,12}))?')
_CLOSING = {'(': ')', '[': ']', '{': '}'}
_QUOTES = '\'"'
MOST = 10_000
"""Points of a sweep."""


def parse(text: str) -> list[hyper.Point]:
    """The points that the text of a flag describes; all values are texts.

    Raises:
      ConfigError: one line with what is wrong and what is allowed.

    Example:
      >>> parse('config.seed=0:2; config.pruning.method=magnitude')[1]
      {'config.seed': '1', 'config.pruning.method': 'magnitude'}
    """
    axes, count = [], 1
    for part in split(text, ';', _flag(text)):
        if part.strip():
            name, values = _axis(part.strip(), text)
            if name in [known for known, _ in axes]:
                raise ConfigError(f'{_flag(text)}: {name} is given twice; allowed: '
                                  'once')
            axes.append((name, values))
            count *= len(values)
    if not axes:
        raise ConfigError(f"{_flag(text)}: no setting; allowed: 'config.seed=0:3; "
                          "config.pruning.method=sparse_vd,bayes_compress'")
    if count > MOST:
        raise ConfigError(f'{_flag(text)}: {count} points; allowed: up to {MOST}')
    return hyper.product([hyper.sweep(name, values) for name, values in axes])


def _axis(part: str, text: str) -> tuple[str, list[str]]:
    """(name, values) of 'config.seed=0:5'."""
    name, equals, listed = (word.strip() for word in part.partition('='))
    if not equals:
        raise ConfigError(f"{_flag(text)}: {part!r:.80} has no '='; allowed: "
                          'config.NAME=VALUE,VALUE')
    if not _NAME.fullmatch(name):
        hint = f'; did you mean config.{name}?' if _NAME.fullmatch(
            f'config.{name}') else '; allowed: names such as config.seed'
        raise ConfigError(f'{_flag(text)}: {name!r:.80} is no setting{hint}')
    values = []
    for item in split(listed, ',', _flag(text)):
        values += _values(item.strip(), name, text)
    for value in values:
        if values.count(value) > 1:
            raise ConfigError(f'{_flag(text)}: {name} has {value!r:.80} twice; '
                              'allowed: different values')
    return name, values


def _values(item: str, name: str, text: str) -> list[str]:
    """What an item between commas stands for."""
    if len(item) > 1 and item[0] in _QUOTES and item.index(
            item[0], 1) == len(item) - 1:
        return [item[1:-1]]
    if not item:
        raise ConfigError(f"{_flag(text)}: {name} has an empty value; allowed: '' in "
                          'quotes, or no comma too many')
    found = _RANGE.fullmatch(item)
    if not found:
        return [item]
    step = int(found[3]) if found[3] else 1
    numbers = range(int(found[1]), int(found[2]), step) if step else range(0)
    if not numbers or len(numbers) > MOST:
        raise ConfigError(
            f'{_flag(text)}: {name}={item} is a range of {len(numbers)} numbers; '
            f'allowed: LOW:HIGH or LOW:HIGH:STEP of 1 to {MOST}, HIGH not included')
    return list(map(str, numbers))


def split(text: str, separator: str, about: str) -> list[str]:
    """Parts between separators that are outside of quotes and brackets.

    about: what the text is of, for messages.

    Raises:
      ConfigError: quotes or brackets are not in pairs.
    """
    parts, start = [], 0
    for place in _outside(text, about):
        if text[place] == separator:
            parts.append(text[start:place])
            start = place + 1
    return [*parts, text[start:]]


def _outside(text: str, about: str) -> Iterator[int]:
    """Places of characters that no quotes or brackets enclose.

    Raises:
      ConfigError: one is not closed, or closed without being opened.
    """
    quote, open_ = '', []
    for place, letter in enumerate(text):
        if quote:
            quote = '' if letter == quote else quote
        elif letter in _QUOTES:
            quote = letter
        elif letter in _CLOSING:
            open_.append(_CLOSING[letter])
        elif letter in _CLOSING.values():
            if not open_ or open_.pop() != letter:
                raise ConfigError(f'{about}: {letter} closes nothing; allowed: '
                                  'brackets in pairs, or the value in quotes')
        elif not open_:
            yield place
    if quote or open_:
        raise ConfigError(f'{about}: {quote or open_[-1]} is missing at its '
                          'end; allowed: quotes and brackets in pairs')


def _flag(text: str) -> str:
    shown = text if len(text) <= 120 else f'{text[:117]}...'
    return f'--sweep={shown!r}'
