"""What a spec may say: wire types, units, PromQL and the metrics contract.

Pure: nothing here touches disk, network or clock.
"""
