"""How good a model is: figures, reports, and the gate before it answers."""
