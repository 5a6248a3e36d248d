"""Core ML: files of Apple's NeuralNetwork format, read without coremltools."""
