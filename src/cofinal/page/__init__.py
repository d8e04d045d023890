"""The page on which judges mark films, compare themselves, and train a model: `cofinal serve`.

Marks, raters and everything else that people do lives in one SQLite file in the folder of films.
"""
