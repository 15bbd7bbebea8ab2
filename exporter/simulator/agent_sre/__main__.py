"""`python -m exporter.simulator.agent_sre`: the same as `slo-probe simulate`."""

from exporter.simulator.agent_sre.cli import simulate

if __name__ == "__main__":
    simulate(prog_name="slo-probe simulate")
