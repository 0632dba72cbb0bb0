"""README.txt of an export: how to compile it, how to call it, what it expects."""

from collections.abc import Sequence

from sparse_jax.export import labels
from sparse_jax.export.chip.boards import Board
from sparse_jax.export.project.facts import weighted

FILE = 'README.txt'

_TEXT = '''\
An int8 network: images of %SIZE% pixels in, %CLASSES% classes out.
%ORIGIN%
%FILES%
Images
  %ROWS% rows of %PIXELS% pixels with %CHANNELS%, raw values as in the training data.
%RESIZED%  A pixel becomes a code of 8 bits: code = (pixel - (%LOW%)) / %STEP%, to the
  nearest, within 0 to 255.
%CALL%%TFLITE%
Bytes
  RAM of the network: %ARENA%, and %ROW% for one row of the image
  weights, biases and tables in flash: %TABLES%
  %BOARD% has %FLASH% B of flash and %RAM% B of RAM. Code, stack and the exact sums
  are in report.json once the folder is verified:
  python -m launch.verify --out=THIS_FOLDER
'''

_C_FILES = '''
Files
  %NAME%.c, %NAME%.h   the network, C99; include the header, compile the source
  main.c, vectors.h    a self test on this computer, with images and their logits
  firmware.c, start.c, board.ld   a program for the board without any library
  testset.npz          all test images as codes, and their logits
  report.json          all facts, for programs
'''

_CALL = '''
Compile
  make             builds and runs the self test with cc
  make firmware    builds for the board with arm-none-eabi-gcc; the Makefile says how
                   with ziglang from pip
  In a project of your own: add %NAME%.c, with -std=c99 -Os.

Call
  #include "%NAME%.h"
  uint8_t row[%UPPER%_WIDTH * %UPPER%_CHANNELS];
  for (int r = 0; r < %UPPER%_HEIGHT; ++r) {
      for (int i = 0; i < (int)sizeof row; ++i)
          row[i] = %NAME%_pixel_code(pixel(r, i));   /* pixel: your camera, your file */
      %NAME%_push_row(r, row);
  }
  int class = %NAME%_class(%NAME%_infer());

  %NAME%_infer gives int8 logits, %UPPER%_CLASS_NAMES has the names of the classes.
'''

_TFLITE = '''
%NAME%.tflite
  Input [1, %ROWS%, %PIXELS%, %DEPTH%] int8: the code - 128. Output [1, %LOGITS%] int8,
  the same logits as those of the C, bit by bit. %LABELS% has the names of the classes,
  in the order of the logits, and so has the metadata of the file.%ONE%
'''


def readme(
    report: dict, board: Board, formats: Sequence[str], origin: str = '',
) -> str:
    """The text for one export.

    Args:
      report: what `report.json` holds.
      board: what it is exported for.
      formats: of 'c' and 'tflite', those that are there.
      origin: the command that made it.
    """
    image, height = report['image'], report['image']['height']
    width, channels = image['width'], image['channels']
    resized = image.get('resized_from')
    text = _TEXT
    blocks = {'FILES': _C_FILES if 'c' in formats else '',
              'CALL': _CALL if 'c' in formats else '',
              'TFLITE': _TFLITE if 'tflite' in formats else '',
              'ORIGIN': f'Made by\n  {origin}\n' if origin else '',
              'RESIZED': '' if not resized else
              f'  They are made of larger ones ({resized[0]} rows of {resized[1]} in '
              'training): every pixel is the\n  mean of the equal area that it covers, '
              'and the whole image is kept.\n'}
    for key, block in blocks.items():
        text = text.replace(f'%{key}%', block)
    values = {
        'NAME': report['name'], 'UPPER': report['name'].upper(),
        'SIZE': f'{height}x{width}x{channels}', 'CLASSES': report['classes'],
        'ROWS': height, 'PIXELS': width, 'DEPTH': channels, 'LOGITS': report['logits'],
        'CHANNELS': {1: '1 channel', 3: '3 channels (red, green, blue)'}.get(
            channels, f'{channels} channels'),
        'LOW': repr(image['pixel_low']), 'STEP': repr(image['pixel_step']),
        'ARENA': f'{report["arena"]["bytes"]} B', 'ROW': f'{image["row_bytes"]} B',
        'TABLES': f'{sum(sum(n["tables"].values()) for n in weighted(report))} B',
        'BOARD': board.name, 'FLASH': board.flash.bytes, 'RAM': board.ram.bytes,
        'LABELS': labels.FILE, 'ONE': '' if report['logits'] > 1 else
        f' There is one: above {report["logit_zero_point"]} it is class 1.'}
    for key, value in values.items():
        text = text.replace(f'%{key}%', str(value))
    return text
