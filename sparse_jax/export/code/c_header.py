"""The C header of a network, for C99 and C++."""

from collections.abc import Sequence

from sparse_jax.export.code import class_names as class_names_c
from sparse_jax.export.code.buffers import BufferPlan
from sparse_jax.quantize.quantized import QuantizedNet

_HEADER = '''\
/* An int8 network. Feed the image row by row, then read the logits:
     for (r = 0; r < %UPPER%_HEIGHT; ++r) %NAME%_push_row(r, row_r);
     logits = %NAME%_infer();
     class = %NAME%_class(logits);
   A row may be forgotten once pushed. Pixels are uint8 codes, [width][channels];
   code = (pixel - low) / step, low %LOW%, step %STEP%.
   %NAME%_pixel_code computes it.%RESIZED%%NAMES% */
#ifndef %UPPER%_H
#define %UPPER%_H

#include <stdint.h>

#define %UPPER%_HEIGHT %HEIGHT%
#define %UPPER%_WIDTH %WIDTH%
#define %UPPER%_CHANNELS %CHANNELS%
#define %UPPER%_CLASSES %CLASSES%
#define %UPPER%_LOGITS %LOGITS%
#define %UPPER%_ARENA_BYTES %ARENA%
#define %UPPER%_LOGIT_SCALE %SCALE%
#define %UPPER%_LOGIT_ZERO_POINT (%ZERO%)
#define %UPPER%_PIXEL_LOW (%LOW%)
#define %UPPER%_PIXEL_STEP %STEP%
%MACRO%
#ifdef __cplusplus
extern "C" {
#endif

void %NAME%_push_row(int row, const uint8_t *pixels);
/* Int8 logits, valid until the next row is pushed. */
const int8_t *%NAME%_infer(void);

%CHOICE%

/* The code of a raw pixel: (pixel - low) / step, the nearest integer, the even one of
   two, within 0..255. In doubles, as the network was made. */
static inline uint8_t %NAME%_pixel_code(double pixel)
{
    const double code = (pixel - %UPPER%_PIXEL_LOW) / %UPPER%_PIXEL_STEP;
    if (!(code > 0.0))
        return 0;
    if (code >= 255.0)
        return 255;
    const int whole = (int)code;
    const double rest = code - whole;
    return (uint8_t)(whole + (rest > 0.5 || (rest == 0.5 && (whole & 1))));
}

#ifdef __cplusplus
}
#endif

#endif
'''

_RESIZED = '''
   Images were made of larger ones, of %HIGH% rows and %WIDE% columns: every pixel is
   the mean of the area that it covers, all areas are equal, nothing is cut off.'''

_LARGEST = '''
/* The class of logits: the largest, the first of equals. */
static inline int %NAME%_class(const int8_t *logits)
{
    int best = 0;
    for (int i = 1; i < %UPPER%_LOGITS; ++i)
        if (logits[i] > logits[best])
            best = i;
    return best;
}
'''

_SIGN = '''
/* The class, 0 or 1, of the one logit: that of class 1 less that of class 0. */
static inline int %NAME%_class(const int8_t *logits)
{
    return logits[0] > %UPPER%_LOGIT_ZERO_POINT;
}
'''


def header_text(
    net: QuantizedNet, plan: BufferPlan, name: str,
    resized_from: tuple[int, int] | None = None, class_names: Sequence[str] = (),
) -> str:
    """The header of a network whose identifiers start with `name`.

    `resized_from` is the (height, width) of the images that its own were made of;
    `class_names` are those of all classes, or none.

    Real numbers have all their digits: the codes that a device computes are those of
    `quantize.pixel_codes`.
    """
    height, width, channels = net.input_shape
    tensor = net.tensors[net.output]
    values = {'UPPER': name.upper(), 'NAME': name, 'HEIGHT': height, 'WIDTH': width,
              'CHANNELS': channels, 'CLASSES': net.classes, 'LOGITS': net.units,
              'ARENA': plan.arena, 'SCALE': repr(tensor.scale),
              'ZERO': tensor.zero_point, 'LOW': repr(float(net.pixel_low)),
              'STEP': repr(float(net.pixel_step))}
    text = _HEADER.replace(
        '%CHOICE%', (_SIGN if net.units == 1 else _LARGEST).strip())
    text = text.replace('%RESIZED%', _RESIZED if resized_from else '')
    values['HIGH'], values['WIDE'] = resized_from or net.input_shape[:2]
    for key, value in values.items():
        text = text.replace(f'%{key}%', str(value))
    # Last, as a name may hold anything.
    text = text.replace('%MACRO%', class_names_c.macro(class_names, name.upper()))
    return text.replace('%NAMES%', class_names_c.comment(class_names))
