"""An SLO with everything decided; pure arithmetic."""
