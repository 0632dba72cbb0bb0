"""The verification of an export as text."""


from sparse_jax.quantize import Tuning


def tuning_text(tuning: Tuning) -> str:
    """One line: what a fine-tuning came to, and which network is exported."""
    text = (f'fine-tuned: accuracy in int8 {100 * tuning.start:.2f} % -> '
            f'{100 * tuning.end:.2f} % on {tuning.images} images that judge')
    if tuning.kept == 'start':
        text += '; no better than its start, which is kept'
    return text


def verification_text(report: dict) -> str:
    """A report.json with a verification -> a table for people."""
    v, accuracy = report['verification'], ''
    if v['accuracy'] is not None:
        accuracy = (f', accuracy {v["accuracy"]:.4f} '
                    f'(float {report["accuracy"]["float"]:.4f})')
    lines = [
        f'{report["name"]} on {v["board"]} (emulated), {v["compiler"]}',
        f'logits         {v["logits"]} on {v["images"]} of {v["test_set"]} test images'
        f'{accuracy}',
        _budget('flash', v['flash'], report['board']['flash']['bytes']),
        _sections(v['sections']),
        _budget('static RAM', v['static_ram'], report['board']['ram']['bytes']),
        f'stack          {v["stack"]} B at most',
        *_instructions(v), '', 'flash, byte by byte', *_ledger(v['flash_ledger']),
        '', 'static RAM, byte by byte', *_ledger(v['ram_ledger']), '',
        'per layer: bytes of the weights dense / bitmap / gap -> stored, and of all',
        'tables in the image', *_layers(report)]
    return '\n'.join(lines) + '\n'


def _budget(label: str, used: int, available: int) -> str:
    return f'{label:14} {used} B of {available} B ({100 * used / available:.1f} %)'


def _sections(sections: dict[str, int]) -> str:
    parts = [f'{name} {sections[name]}' for name in ('.vectors', '.text', '.rodata',
                                                     '.data') if name in sections]
    return f'  of which     {", ".join(parts)}'


def _instructions(v: dict) -> list[str]:
    counts, guess = v['instructions'], v['estimates']
    energy = 'unknown: the board has no current'
    if guess['energy_j'] is not None:
        energy = f'{guess["energy_j"] * 1e3:.3f} mJ'
    return [
        f'instructions   {counts["mean"]:.0f} ({counts["least"]}..{counts["most"]}) '
        f'over {counts["images"]} images',
        'estimates (cycle table, no wait states; not measured):',
        f'  cycles       {guess["cycles"]:.0f}',
        f'  latency      {guess["latency_s"] * 1e3:.2f} ms at '
        f'{guess["clock_hz"] / 1e6:g} MHz',
        f'  energy       {energy}']


def _ledger(rows: list[tuple[str, int]]) -> list[str]:
    lines = [f'{size:+8d}  {what}' for what, size in rows]
    return [*lines, f'{sum(size for _, size in rows):8d}  in all']


def _layers(report: dict) -> list[str]:
    lines = []
    for layer in report['layers']:
        if 'tables' in layer:
            sizes = ' / '.join(str(layer['format_bytes'][f])
                               for f in ('dense', 'bitmap', 'gap'))
            linked = sum(report['verification']['layer_flash'][layer['name']].values())
            lines.append(f'  {layer["what"]}: {layer["nonzero"]} of {layer["weights"]}'
                         f' non-zero: {sizes} -> {layer["format"]}, {linked} in all')
    return lines
