"""Messages that came in, tickets, and what was posted about them."""
