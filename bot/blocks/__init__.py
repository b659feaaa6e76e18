"""Block Kit builders, one file a surface: data in, (text, blocks) out. No I/O."""
