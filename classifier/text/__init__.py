"""Message text to model text: the same in training and in serving."""
