"""Parts of networks and losses, each a module or function with its equation."""
