"""A trained model on disk, read and written here alone."""
