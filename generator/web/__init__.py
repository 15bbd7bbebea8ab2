"""Web pages of SLOs: overview, page of an SLO, JSON, badges, and reports of a period.

They read recorded series only, so the rules may be those of this program or of Sloth.
"""
