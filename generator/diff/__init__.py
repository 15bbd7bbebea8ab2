"""Difference between two versions of specs, in the terms of SLOs and alerts."""
