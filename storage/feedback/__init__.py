"""What people said: labels, whose word counts, categories, questions."""
