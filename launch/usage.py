"""The answer to --help: what the program does, its flags, the settings."""

import inspect
import sys
import textwrap
from collections.abc import Callable

from absl import flags

_WIDTH = 80
_ASKING = ('--help', '-h', '-help', '--helpfull', '--helpshort')


def is_asked_for(argv: list[str]) -> bool:
    """Whether an argument asks for help."""
    return any(word in _ASKING for word in argv[1:])


def text(main: Callable, values: flags.FlagValues) -> str:
    """The docstring of main's module, its flags with defaults, and the settings."""
    lines = [inspect.cleandoc(sys.modules[main.__module__].__doc__ or ''), '', 'Flags:']
    for name in _own(values):
        flag = values[name]
        default = flag.default
        # 1 and 0 are defaults like others, although they equal True and False.
        silent = flag.boolean or default in (None, '')
        shown = '' if silent else f' Default: {default}.'
        required = ' Required.' if _is_required(values, name) else ''
        head = f'  --[no]{name}' if flag.boolean else f'  --{name}=...'
        lines += [head, *_wrap(f'{flag.help}{shown}{required}', '      ')]
    if 'config' in values:
        lines += ['', 'Settings, each as --config.GROUP.NAME=VALUE (defaults: '
                  'sparse_jax/settings/groups.py):', *_settings()]
    return '\n'.join(lines)


def _own(values: flags.FlagValues) -> list[str]:
    """Flags of this project: libraries define theirs on absl's common set."""
    names = []
    for name in values:
        module = values.find_module_defining_flag(name, '') or ''
        own = values is not flags.FLAGS or module == sys.argv[0] or (
            module.startswith('launch.'))
        if own and '.' not in name:
            names.append(name)
    return sorted(names, key=lambda name: (name == 'cache_dir', name))


def _is_required(values: flags.FlagValues, name: str) -> bool:
    return any('other than None' in v.message for v in values[name].validators)


def _settings() -> list[str]:
    from sparse_jax.settings.tree import default_config

    lines = []
    for group, members in default_config().to_dict().items():
        inside = ', '.join(members) if isinstance(members, dict) else '(a number)'
        lines += _wrap(f'{group}: {inside}', '  ')
    return lines


def _wrap(line: str, indent: str) -> list[str]:
    return textwrap.wrap(line, _WIDTH, initial_indent=indent,
                         subsequent_indent=indent if indent.strip() else f'{indent}  ')
