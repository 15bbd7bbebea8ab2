"""Backtest: the alerts of SLOs replayed over the past, and candidates compared. Pure."""
