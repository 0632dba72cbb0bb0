"""C99 of an int8 network: buffers, formats, kernels, source."""
