"""Backbone `pose`: BlazePose finds a person and 33 landmarks; the skeleton room describes them.

Paper: BlazePose, Bazarevsky et al., arXiv 2006.10204. Reproduced: the published detector and the
"full" landmark network, run by torch alone; how their answers are read follows what the networks
put out. Differs: the person is tracked both ways inside each stretch of frames, not only forwards,
and nothing is smoothed here.
"""
