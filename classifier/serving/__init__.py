"""One model behind a queue, and the change of it under load."""
