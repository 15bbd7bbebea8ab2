"""Commands of slo-probe that run load scenarios."""
