"""Bulk bytes: block index, workers, journal, hashing and the bag. See DESIGN, "Data path (bulk bytes)"."""
