"""TensorFlow's files of weights, read without TensorFlow."""
