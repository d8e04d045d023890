"""Labels ranked by how much they look like mistakes."""
