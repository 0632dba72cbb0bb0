/* Vector table and reset code of a Cortex-M; no library is needed. */
#include <stdint.h>

extern uint32_t _data_start[], _data_end[], _data_load[], _bss_start[], _bss_end[];
extern uint32_t _stack_top[];
int main(void);

void halt(void)
{
    for (;;)
        __asm volatile("");
}

void Reset_Handler(void)
{
    const uint32_t *from = _data_load;
    for (volatile uint32_t *to = _data_start; to < _data_end;)
        *to++ = *from++;
    for (volatile uint32_t *to = _bss_start; to < _bss_end;)
        *to++ = 0;
    main();
    halt();
}

typedef void (*vector)(void);

__attribute__((section(".vectors"), used))
const vector vectors[16] = {
    (vector)_stack_top, Reset_Handler, halt, halt, halt, halt, halt, halt,
    halt, halt, halt, halt, halt, halt, halt, halt,
};
