"""Label maps of coarse logits: upsampling and argmax in one step, on CPU and GPU.

The files, in the order of reading:

* `labels.py`: type of a label map.
* `upsample_argmax.py`: label map of one map of logits, by compiled code or by torch.
* `backend.py`: choice of the compiled code.
* `cells.py`: division of an image into blocks of pixels with the same four neighbours.
* `cpu.py`, `cpu_kernels.py`: compiled code for a CPU, by numba.
* `cuda.py`, `cuda_kernels.py`: compiled code for CUDA, by Triton.
* `augmented_logits.py`: logits of an image at several scales, and flipped; the mean of their probabilities.
* `mean_argmax.py`: label map of that mean.
* `mean_argmax_cpu.py`: compiled code for it on a CPU.
"""
