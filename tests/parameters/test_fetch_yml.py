"""`parameters/fetch.yml`: tenants, without any secret."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from insights_lib.errors import ParameterError
from insights_lib.parameters.fetch_yml import FetchPlan, is_fetching, read_fetch_plan

PROJECT = Path(__file__).parents[2] / "parameters"
GUID = "11111111-2222-3333-4444-555555555555"
TENANT = {"tenant_id": "contoso.onmicrosoft.com", "client_id": GUID}


def plan_of(folder: Path, tenant: dict[str, Any], **others: Any) -> FetchPlan:
    content = {"tenants": {"contoso": {**TENANT, **tenant}}, **others}
    (folder / "fetch.yml").write_text(yaml.safe_dump(content), encoding="utf-8")
    return read_fetch_plan(folder)


def test_the_file_of_the_project_fetches_nothing() -> None:
    assert read_fetch_plan(PROJECT).tenants == {}
    assert not is_fetching(PROJECT)


def test_the_example_of_the_project_is_true(tmp_path: Path) -> None:
    lines = (PROJECT / "fetch.yml").read_text(encoding="utf-8").splitlines()
    example = [line.removeprefix("# ") for line in lines if line.startswith("# ")]
    start = example.index("tenants:")
    (tmp_path / "fetch.yml").write_text("\n".join(example[start:]), encoding="utf-8")
    plan = read_fetch_plan(tmp_path)
    assert plan.tenants["contoso"].datasets == ["AzureUsage", "Profile"]
    assert plan == FetchPlan(
        tenants=plan.tenants, databases=plan.databases
    )  # all the rest is as without it
    assert is_fetching(tmp_path)


def test_a_folder_without_the_file_fetches_nothing(tmp_path: Path) -> None:
    assert not is_fetching(tmp_path)


@pytest.mark.parametrize(
    ("tenant", "what"),
    [
        ({"tenant_id": "contoso"}, "tenants.contoso.tenant_id: 'contoso' is not a tenant"),
        ({"client_id": "../x"}, "is not the application"),
        ({"client_secret": "s"}, "'client_secret' is none of"),
        ({"secret_variable": "PATH"}, "does not begin with INSIGHTS_SECRET_"),
        ({"secret_file": "a", "certificate_file": "b"}, "exclude each other"),
        ({"secret_file": "a", "sign_in": "device_code"}, "without secret and certificate"),
        ({"runs": "never"}, "tenants.contoso.runs"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, tenant: dict[str, Any], what: str) -> None:
    with pytest.raises(ParameterError) as refused:
        plan_of(tmp_path, tenant)
    assert what in str(refused.value)


@pytest.mark.parametrize("address", ["http://api.example", "https://x/?a=b", "https://u:p@x"])
def test_an_address_is_one_of_https(tmp_path: Path, address: str) -> None:
    with pytest.raises(ParameterError, match="begins with https://"):
        plan_of(tmp_path, {}, api=address)


def test_a_name_becomes_part_of_file_names(tmp_path: Path) -> None:
    (tmp_path / "fetch.yml").write_text(yaml.safe_dump({"tenants": {"../x": TENANT}}))
    with pytest.raises(ParameterError, match=r"'\.\./x' is not a name"):
        read_fetch_plan(tmp_path)
