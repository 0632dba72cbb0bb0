"""Where every byte goes: from the analytic costs to the linked image.

A ledger is a list of (what, bytes) whose sum is exactly the linked figure; its first
row is the analytic one. Bytes between the linker's symbols are alignment; all others
must be accounted for. `facts` is what `facts.gather_facts` returns.
"""

from sparse_jax.export.chip.image import Image
from sparse_jax.export.code.c_tables import TABLES
from sparse_jax.export.errors import VerificationError
from sparse_jax.export.project.facts import live_bytes, peak_step, weighted

Ledger = list[tuple[str, int]]
_START = ('Reset_Handler', 'halt', 'vectors')
_FIRMWARE = ('main', 'classify', 'read_row', 'row_buffer', 'result')
_RAM = ('.bss', '.data')


def linked_tables(facts: dict, image: Image) -> dict[str, dict[str, int]]:
    """{layer: {part: bytes}} in the image; tables folded into code are missing."""
    sizes = {s.name: s.size for s in image.symbols}
    tables = {}
    for layer in weighted(facts):
        stem = f'{facts["name"]}_{layer["symbol"]}'
        tables[layer['name']] = {
            part: sizes.get(stem if part == 'descriptor' else f'{stem}_{part}', 0)
            for part in layer['tables']}
    return tables


def network_bytes(facts: dict, image: Image) -> dict[str, int]:
    """'flash' and 'ram' of the network alone: what `measure` predicts.

    No vector table, reset code, compiler runtime or example firmware.
    """
    own = [s for s in image.symbols if s.name.startswith(f'{facts["name"]}_')]
    return {'flash': sum(s.size for s in own if s.section != '.bss'),
            'ram': sum(s.size for s in own if s.section == '.bss')}


def flash_ledger(facts: dict, image: Image) -> Ledger:
    """From the model size to the bytes of flash of the image."""
    layers, cost = weighted(facts), facts['analytic']
    biases = sum(layer['biases'] for layer in cost['layers'])
    stored = sum(layer['nonzero'] for layer in layers)
    channels = sum(layer['channels'] for layer in layers)
    zeros = sum(layer['weights'] - layer['nonzero'] for layer in layers
                if layer['format'] == 'dense')
    part = {p: sum(layer['tables'][p] for layer in layers)
            for p in ('weights', 'index', 'gather', 'descriptor')}
    written = sum(sum(layer['tables'].values()) for layer in layers)
    linked = sum(sum(t.values()) for t in linked_tables(facts, image).values())
    rows = [
        ('analytic model size: non-zero weights and the biases, 1 byte each',
         cost['model_size']),
        ('weights that round to zero', stored - (cost['model_size'] - biases)),
        ('zeros stored by dense layers', zeros),
        ('positions of sparse weights: bitmaps, counts, gaps',
         part['weights'] - stored - zeros + part['index']),
        ('positions of gathered inputs', part['gather']),
        ('biases as 32 bits, one for every channel', 4 * channels - biases),
        ('requantisation: 32-bit multiplier and 8-bit shift per channel', 5 * channels),
        ('layer descriptors', part['descriptor']),
        ('tables merged or folded into code by the compiler', linked - written),
        *_code_groups(facts, image).items(),
        ('alignment', image.flash - sum(
            s.size for s in image.symbols if s.section != '.bss')),
    ]
    return _checked(rows, image.flash, 'flash')


def _code_groups(facts: dict, image: Image) -> dict[str, int]:
    """Bytes in flash of all symbols that are no tables of layers."""
    name = facts['name']
    tables = {f'{name}_{layer["symbol"]}{suffix}' for layer in weighted(facts)
              for suffix in ('', *(f'_{part}' for part in TABLES))}
    groups: dict[str, int] = dict.fromkeys(('code of the network', 'example firmware',
                            'reset code and vector table', 'compiler runtime'), 0)
    for symbol in image.symbols:
        if symbol.section == '.bss' or symbol.name in tables:
            continue
        if symbol.name.startswith(f'{name}_'):
            groups['code of the network'] += symbol.size
        elif symbol.name in _FIRMWARE:
            groups['example firmware'] += symbol.size
        elif symbol.name in _START:
            groups['reset code and vector table'] += symbol.size
        else:
            groups['compiler runtime'] += symbol.size
    return groups


def ram_ledger(facts: dict, image: Image) -> Ledger:
    """From the working memory to the bytes of static RAM of the image."""
    cost, arena = facts['analytic'], facts['arena']
    name = cost['working_memory_layer']
    layer = next(x for x in cost['layers'] if x['name'] == name)
    here, pooled = live_bytes(facts, name), arena['sizes'][name]
    peak = peak_step(facts)
    rows = [
        (f'analytic working memory (6): |x| + |y| of {name}', cost['working_memory']),
        ('y before pooling is never stored: the pool is fused', pooled - layer['y']),
        (f'other tensors alive at {name}', here - layer['x'] - pooled),
        (f'more is alive at {peak}', live_bytes(facts, peak) - here),
        ('gaps between tensors', arena['tensors'] - live_bytes(facts, peak)),
        ('room to unpack weights into', arena['bytes'] - arena['tensors']),
        ('one row of the raw image', facts['image']['row_bytes']),
    ]
    placed = {s.name: s.size for s in image.symbols if s.section in _RAM}
    ours = (f'{facts["name"]}_arena', 'row_buffer')
    rows += [('example firmware', sum(b for n, b in placed.items() if n not in ours)),
             ('alignment', image.static_ram - sum(placed.values()))]
    return _checked(rows, image.static_ram, 'RAM')


def _checked(rows: Ledger, linked: int, memory: str) -> Ledger:
    """The rows that are not empty.

    Raises:
      VerificationError: they do not add up to what was linked.
    """
    total = sum(size for _, size in rows)
    if total != linked:
        raise VerificationError(
            f'{memory}: {total} B are accounted for, {linked} B are linked: please '
            'report this')
    return [row for row in rows if row[1]]
