"""Data sets as they lie on disk: labels, features, cards, judges' marks, sheets, checks."""
