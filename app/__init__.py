"""The headless core of jumpbag: what the product knows. No screen, no cloud SDK."""
