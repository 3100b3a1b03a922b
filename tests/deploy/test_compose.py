"""deploy/compose.yaml: valid, and true to the files and settings it names.

`compose-spec.json` is schema/compose-spec.json of github.com/compose-spec/compose-spec at commit
170098b (Apache-2.0).
"""

from __future__ import annotations

import json
import re
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from service.settings import Settings
from service.trusted_proxies import trusted_proxies

DEPLOY = Path(__file__).parents[2] / "deploy"
VARIABLE = re.compile(r"\$\{([A-Z_]+)")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    document = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    assert isinstance(document, dict)
    return document


def mounts(service: dict[str, Any]) -> dict[str, str]:
    """Target -> source of every volume of a service."""
    parts = (mount.split(":") for mount in service.get("volumes", ()))
    return {part[1]: part[0] for part in parts}


def test_it_satisfies_the_schema_of_the_compose_specification(compose: dict[str, Any]) -> None:
    schema = json.loads((Path(__file__).parent / "compose-spec.json").read_text())
    jsonschema.Draft7Validator(schema).validate(compose)


def test_every_mounted_file_exists_and_every_volume_is_declared(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        for source in mounts(service).values():
            if source.startswith("."):
                assert (DEPLOY / source).is_file(), source
            else:
                assert source in compose["volumes"]


def test_every_service_that_another_waits_for_exists(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        assert set(service.get("depends_on", ())) <= set(compose["services"])


def test_every_environment_variable_of_the_service_is_a_setting(compose: dict[str, Any]) -> None:
    known = {f"VEDETTE_{name.upper()}" for name in Settings.model_fields}
    assert set(compose["services"]["vedette"]["environment"]) <= known


def test_the_reverse_proxy_on_this_machine_is_believed_when_it_says_who_called(
    compose: dict[str, Any],
) -> None:
    """It comes in through the published port, so from the gateway of the containers' network."""
    [network] = compose["networks"]["default"]["ipam"]["config"]
    assert ip_address(network["gateway"]) in ip_network(network["subnet"])
    named = compose["services"]["vedette"]["environment"]["VEDETTE_HTTP_TRUSTED_PROXIES"]
    assert trusted_proxies(named) == [network["gateway"]]


def test_every_variable_to_fill_in_stands_in_the_example(compose: dict[str, Any]) -> None:
    example = (DEPLOY / "env.example").read_text()
    asked = set(VARIABLE.findall((DEPLOY / "compose.yaml").read_text()))
    passed_on = {
        name
        for name, value in compose["services"]["vedette"]["environment"].items()
        if value is None
    }
    for name in asked | passed_on:
        assert re.search(rf"^#?{name}=", example, re.MULTILINE), name


def test_images_are_pinned_to_a_version(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        assert re.search(r":\d[\w.-]*$", service["image"]), service["image"]


def test_no_service_keeps_more_rights_than_it_needs(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        assert service["cap_drop"] == ["ALL"]
        assert "no-new-privileges:true" in service["security_opt"]
    assert "cap_add" not in compose["services"]["vedette"]
    assert compose["services"]["vedette"]["read_only"] is True


def test_what_must_outlive_a_container_lies_on_a_volume(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert mounts(services["vedette"])["/var/lib/vedette"] == "journal"
    assert mounts(services["database"])["/var/lib/postgresql/data"] == "database"
    persistence = broker_setting("persistence_location")
    assert mounts(services["broker"])[persistence.rstrip("/")] == "broker"


def test_the_broker_finds_its_files_where_its_configuration_says(compose: dict[str, Any]) -> None:
    mounted = mounts(compose["services"]["broker"])
    assert broker_setting("acl_file") in mounted
    assert str(Path(broker_setting("password_file")).parent) in mounted


def broker_setting(name: str) -> str:
    line = re.search(rf"^{name}\s+(\S+)", (DEPLOY / "mosquitto.conf").read_text(), re.MULTILINE)
    assert line is not None, f"mosquitto.conf sets no {name}"
    return line[1]
