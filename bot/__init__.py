"""The Slack side: listeners, use cases, surfaces."""
