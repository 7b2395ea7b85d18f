"""AWS: the ports of the core, implemented with aiobotocore."""
