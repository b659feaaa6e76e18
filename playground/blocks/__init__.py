"""Block Kit as Slack takes it: what is refused, and what somebody does with an element."""
