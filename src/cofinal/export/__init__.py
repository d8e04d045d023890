"""A model as one file that runs without this package: ONNX, or a program of torch."""
