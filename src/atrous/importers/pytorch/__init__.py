"""Files of PyTorch's world, read without running anything in them: pickles, and safetensors of other projects."""
