"""Facts: tables, repositories, units of work. Imports nothing of ours."""
