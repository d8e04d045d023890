"""What answers each address, by what people do there."""
