"""Skeletons, whoever measured them: keypoints over time, and named channels that describe a clip.

A room of its own and not a part of `extraction/`: nothing here knows of videos or torch, and files
of other tools, generated figures and the pose backbone all come in by one door, `Keypoints`.
"""
