"""Single questions that an ADR rests on."""
