/* Self test on the host: runs the test vectors and compares the logits. */
#include <stdio.h>

#include "@.h"
#include "vectors.h"

int main(void)
{
    int wrong = 0;
    for (int n = 0; n < VECTORS; ++n) {
        const uint8_t *row = vector_pixels[n];
        for (int r = 0; r < @@_HEIGHT; ++r, row += @@_WIDTH * @@_CHANNELS)
            @_push_row(r, row);
        const int8_t *logits = @_infer();
        for (int i = 0; i < @@_LOGITS; ++i)
            wrong += logits[i] != vector_logits[n][i];
    }
    printf("%d test vectors, %d wrong logits\n", VECTORS, wrong);
    return wrong != 0;
}
