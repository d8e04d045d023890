"""Files whole or absent, locked, and read with suspicion."""
