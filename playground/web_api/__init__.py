"""Slack's Web API, as far as a support bot uses it."""
