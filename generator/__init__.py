"""`slo-rules`: SLO specs in, everything on-call needs out."""
