"""Rules of an SLO: PromQL of counts, windows and alerts."""
