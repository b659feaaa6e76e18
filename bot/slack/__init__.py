"""Slack itself: its Web API, its people, its events and its text."""
