"""The ladder of CUDA graphs, and answers in bulk: not measured on a GPU yet."""
