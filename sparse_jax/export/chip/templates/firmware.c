/* How a device uses the network: fetch a row, push it, forget it; then classify. */
#include "@.h"

/* The only image memory the device needs is one row. */
uint8_t row_buffer[@@_WIDTH * @@_CHANNELS];
volatile int result;

/* Replace with the sensor's driver. */
__attribute__((weak, noinline)) void read_row(int row, uint8_t *pixels)
{
    (void)row;
    (void)pixels;
}

int classify(void)
{
    for (int row = 0; row < @@_HEIGHT; ++row) {
        read_row(row, row_buffer);
        @_push_row(row, row_buffer);
    }
    return @_class(@_infer());
}

int main(void)
{
    for (;;)
        result = classify();
}
