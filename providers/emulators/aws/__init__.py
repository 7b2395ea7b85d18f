"""The embedded AWS: an aiohttp front over moto's EC2, with STS, Organizations, KMS and EBS direct of its own."""
