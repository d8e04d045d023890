"""Is an explanation true? Evidence of models on performances that they were not trained on."""
