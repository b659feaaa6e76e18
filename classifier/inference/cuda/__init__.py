"""The network on a GPU, by a ladder of CUDA graphs: not measured on a GPU yet."""
