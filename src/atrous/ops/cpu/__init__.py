"""Fast convolutions on a CPU, compiled functions, and the threads that run them."""
