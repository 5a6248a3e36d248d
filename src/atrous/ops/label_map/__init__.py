"""Label maps of coarse logits: upsampling and argmax in one step, on CPU and GPU."""
