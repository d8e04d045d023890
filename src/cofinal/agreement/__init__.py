"""Do the judges agree? Their marks in, reliability out."""
