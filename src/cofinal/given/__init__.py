"""What is known before a performance: difficulty that multiplies, base value that is added."""
