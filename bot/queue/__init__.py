"""Durable work: events that came in, posts that go out."""
