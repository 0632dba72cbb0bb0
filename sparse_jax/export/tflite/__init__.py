"""An int8 network as a .tflite file."""
