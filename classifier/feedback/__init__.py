"""What people's labels do before the next training: memory, questions, drift, new categories. No torch."""
