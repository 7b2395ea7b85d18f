"""Acquisitions: approved plans, run durably, recorded before they act."""
