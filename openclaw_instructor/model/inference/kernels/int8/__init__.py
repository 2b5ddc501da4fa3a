"""Run T5 and BERT in int8 in C: one call is a whole forward pass.

torch's kernels leave much of what AVX2 and AVX-512 can do: quantising, scaling and norms are passes of their own over
memory, attention needs a matrix of biases, and a short query waits at each of 250 operations. `forward.c` keeps a block
of rows in the core's cache through a whole layer. Products are summed exactly, so a row's result does not depend on its
neighbours, to the bit. Rows are quantised between their least and their greatest number. On ARM torch has no such
kernels.

The library is compiled when the package is built (`kernels/build.py`), for every kind of processor of an architecture
at once; which one is used is decided when it runs (`dispatch.h`, `library.py`). Without it torch's kernels run
(`torchscript.py`, `network_backend.py`). Only `builders.py` and `backend.py` import torch.
"""
