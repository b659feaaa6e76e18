"""One training loop: batches, losses, flat minima, and the state that it goes on from after a kill."""
