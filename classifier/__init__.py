"""The model: training, serving, explaining. Knows nothing of Slack."""
