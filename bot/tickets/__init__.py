"""The use cases around a ticket: route, correct, explain, ask, remember."""
