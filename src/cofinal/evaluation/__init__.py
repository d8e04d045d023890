"""One method measured: folds, measures, intervals, and what is kept of finished work."""
