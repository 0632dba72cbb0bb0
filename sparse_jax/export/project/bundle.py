"""Several networks in one C file, to test and measure many with one compilation."""

from sparse_jax.export.code.c_source import Generated

_ENTRY = '''
typedef struct {
    int height, row_bytes, logits;
    void (*push_row)(int, const uint8_t *);
    const int8_t *(*infer)(void);
} bundled;
'''

_HOST_MAIN = '''
#include <stdio.h>

/* Reads `count` images per network from stdin, writes their logits to stdout. */
int main(void)
{
    static uint8_t row[65536];
    const int count = %COUNT%;
    for (unsigned n = 0; n < sizeof bundle / sizeof bundle[0]; ++n)
        for (int image = 0; image < count; ++image) {
            for (int r = 0; r < bundle[n].height; ++r) {
                if (fread(row, 1, bundle[n].row_bytes, stdin)
                        != (size_t)bundle[n].row_bytes)
                    return 1;
                bundle[n].push_row(r, row);
            }
            fwrite(bundle[n].infer(), 1, bundle[n].logits, stdout);
        }
    return 0;
}
'''


def bundle_source(networks: list[Generated]) -> str:
    """One translation unit; networks are generated with `guard=False`."""
    entries = []
    for g in networks:
        height, width, channels = g.net.input_shape
        entries.append(f'    {{{height}, {width * channels}, {g.net.units}, '
                       f'{g.name}_push_row, {g.name}_infer}},')
    return '\n'.join(['#include <stdint.h>', *(g.source for g in networks), _ENTRY,
                      'const bundled bundle[] = {', *entries, '};', ''])


def host_program(networks: list[Generated], images: int) -> str:
    """The bundle with a main that runs `images` images of each network."""
    return bundle_source(networks) + _HOST_MAIN.replace('%COUNT%', str(images))


_FIRMWARE_MAIN = '''
uint8_t row_buffer[%ROW%];
/* Volatile, so that no network is inlined or dropped. */
const bundled *volatile entry = bundle;

int main(void)
{
    for (;;) {
        entry->push_row(0, row_buffer);
        entry->infer();
    }
}
'''


def firmware_program(networks: list[Generated]) -> str:
    """The bundle with a main for a board; functions are called by name from outside."""
    row = max(g.net.input_shape[1] * g.net.input_shape[2] for g in networks)
    return bundle_source(networks) + _FIRMWARE_MAIN.replace('%ROW%', str(row))
