"""Stand-ins for a county's gateways: a seeded registry, plant physics, faults, real MQTT.

`county_registry` makes the rows that `service` writes; `play` brings them to life; `load` is the
raw publisher that benchmarks and kill tests use.
"""

from simulators.broker import Broker, Login
from simulators.county import County, SiteLimit, county_registry
from simulators.gateway import Traffic
from simulators.player import Performance, play
from simulators.scenario import Scenario, ScenarioError, built_in, built_in_names
from simulators.scenario import load as load_scenario

__all__ = [
    "Broker",
    "County",
    "Login",
    "Performance",
    "Scenario",
    "ScenarioError",
    "SiteLimit",
    "Traffic",
    "built_in",
    "built_in_names",
    "county_registry",
    "load_scenario",
    "play",
]
