"""One file a command: a command is a dataclass whose fields are flags."""
