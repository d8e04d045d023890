"""From video files to clip features: decoding, sampling, pixels, backbones.

Nothing is imported here: the recipe must be readable without torch, so that `--help` stays fast.
"""
