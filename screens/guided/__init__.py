"""Guided acquisitions: a rail beside the same screens. It points at the next key and never acts."""
