"""Models of specs, with their units, their PromQL and the metrics contract.

Pure: no module of this package touches disk, network or clock.
"""
