"""The embedded clouds: emulators on loopback for the demo, for training and for the tests.

They import nothing of the product. Their rules are written from the vendors' references, and each
module names the source of the rules that it holds.
"""
