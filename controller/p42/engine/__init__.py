"""The loop: catalog, queue, workers, converge. It names no kind and does no I/O of its own."""
