"""What a score rests on: evidence per clip, and training performances that are alike."""
