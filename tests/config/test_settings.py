"""Settings: which source wins, what is refused and where, and that no secret is shown."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p42.config import Settings, home, load
from p42.config.keys import KEYS
from p42.model.errors import InvalidInput
from p42.model.quantity import duration, seconds


def read(directory: Path, text: str = "", **sources: object) -> Settings:
    """The settings of a home with this config.toml; `env` and `flags` as given."""
    if text:
        (directory / "config.toml").write_text(text)
    return load(directory, sources.get("flags"), env=sources.get("env", {}))  # type: ignore[arg-type]


def refused(directory: Path, text: str) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        read(directory, text)
    return caught.value


def test_without_a_file_every_setting_has_its_default(tmp_path: Path) -> None:
    found = read(tmp_path)
    assert found.gateway_ports == (42, 4242)
    assert found.projects_idle_timeout == 600.0
    assert {item.source for item in found.items()} == {"default"}


def test_every_key_of_the_table_is_a_field_with_a_default(tmp_path: Path) -> None:
    assert [item.key for item in read(tmp_path).items()] == list(KEYS)


def test_flags_beat_environment_beats_file_beats_default(tmp_path: Path) -> None:
    text = "[gateway]\nport = 1\n[http]\nport = 2\n[projects]\nportBase = 3\n"
    env = {"P42_GATEWAY_PORT": "11", "P42_HTTP_PORT": "12"}
    found = read(tmp_path, text, env=env, flags={"gateway.port": 21, "http.port": None})
    assert (found.gateway_port, found.http_port, found.projects_port_base) == (21, 12, 3)
    shown = {item.key: (item.source, item.where) for item in found.items()}
    assert shown["gateway.port"] == ("flag", "--gateway-port")
    assert shown["http.port"] == ("env", "P42_HTTP_PORT")
    assert shown["projects.portBase"] == ("file", str(tmp_path / "config.toml"))
    assert shown["trust"] == ("default", "")


def test_a_chosen_gateway_port_has_no_fallback(tmp_path: Path) -> None:
    assert read(tmp_path, "[gateway]\nport = 5042\n").gateway_ports == (5042,)


def test_the_founding_documents_configuration_is_understood(tmp_path: Path) -> None:
    text = """
[defaults]
account = "personal"
agent = "@ai-engineer"
[accounts.personal]
provider = "anthropic"
models = ["claude-3-5-sonnet", "claude-3-opus"]
rate_limit = 100 # requests per hour
[accounts.work]
monthly_budget = 50.00
[agents]
[agents.muse]
preferred_model = "claude-3-opus"
temperature = 0.8
"""
    found = read(tmp_path, text)
    assert found.defaults_agent == "ai-engineer"
    assert found.accounts["personal"]["models"] == ("claude-3-5-sonnet", "claude-3-opus")
    assert found.accounts["work"] == {"monthly_budget": 50.0}
    assert found.agents["muse"]["temperature"] == 0.8
    assert "agents.muse.temperature" in [item.key for item in found.items()]


@pytest.mark.parametrize(
    ("text", "line", "column", "says"),
    [
        ("[gateway]\n\nprot = 1\n", 3, 1, "did you mean gateway.port"),
        ("[gatewy]\nport = 1\nauth = 'none'\n", 1, 2, "no such setting"),
        ("x = 1\ntrust = 'al'\n", 1, 1, "no such setting"),
        ("gateway = {auth = 'none', port = 99999}\n", 1, 27, "between 0 and 65535"),
        ("gateway.port = true\n", 1, 9, "must be a port"),
        ("gateway = 3\n", 1, 1, "is a table"),
        ("[trust]\nx = 1\n", 1, 2, "one value, not a table"),
        ("[projects]\nidleTimeout = 5\n", 2, 1, "must be a duration"),
        ("[accounts.a]\nmonthly_budget = nan\n", 2, 1, "finite"),
        ("[accounts.a]\nrate_limit = inf\n", 2, 1, "finite"),
        ("[accounts.a]\nprovidr = 'x'\n", 2, 1, "did you mean provider"),
        ("[compat.zedops]\nadminPassword = 'hunter2'\n", 2, 1, "never the value"),
        ("bus = 'http://x'\n", 1, 1, "nats://"),
    ],
)
def test_what_is_wrong_is_told_at_its_line_and_column(
    tmp_path: Path, text: str, line: int, column: int, says: str
) -> None:
    error = refused(tmp_path, text)
    finding = error.diagnostics[0]
    assert (finding.line, finding.column) == (line, column)
    assert says in finding.message
    assert f"{tmp_path}/config.toml:{line}:{column}: error:" in str(error)


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    error = refused(tmp_path, "trust = 'x'\nbus = ''\n[http]\nprot = 1\n")
    assert [finding.line for finding in error.diagnostics] == [1, 2, 4]


def test_a_key_in_a_multi_line_value_is_not_taken_for_the_key(tmp_path: Path) -> None:
    text = '[defaults]\nmodel = """\nprot = 1\n"""\n[gateway]\nprot = 1\n'
    assert [f.line for f in refused(tmp_path, text).diagnostics] == [2, 6]


@pytest.mark.parametrize(
    ("raw", "place"),
    [
        (b"a = [\n", "2:1"),
        (b"\xff\xfe", "1:1"),
        (b"a = 1\nb = '\xff'\n", "2:6"),
        (b"a = 1\na = 2\n", "2:6"),
        (b"#" * 70_000, "1:1"),
        (b"a = " + b"[" * 20_000, "1:"),
    ],
)
def test_what_is_no_toml_is_told_at_its_place(tmp_path: Path, raw: bytes, place: str) -> None:
    (tmp_path / "config.toml").write_bytes(raw)
    with pytest.raises(InvalidInput, match=f"config.toml:{place}"):
        load(tmp_path, env={})


def test_a_wrong_variable_or_flag_names_itself(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"P42_HTTP_PORT: http\.port must be a port"):
        read(tmp_path, env={"P42_HTTP_PORT": "many"})
    with pytest.raises(InvalidInput, match="P42_HTTP_PROT: no such setting; did you mean P42_HTTP"):
        read(tmp_path, env={"P42_HTTP_PROT": "1"})
    with pytest.raises(InvalidInput, match="--trust: trust must be one of all, follow, pin"):
        read(tmp_path, flags={"trust": "none"})


def test_variables_that_are_no_settings_are_left_alone(tmp_path: Path) -> None:
    read(tmp_path, env={"P42_KEYS_PASSPHRASE": "x", "P42_TOKEN": "y", "P42_HOME": "/z"})


def test_a_secret_is_shown_nowhere(tmp_path: Path) -> None:
    text = """
bus = "nats://me:canary@127.0.0.1:4222"
[compat.kilometers]
key = "file:/canary"
[accounts.a]
key = "env:CANARY"
"""
    shown = str([item.as_json() for item in read(tmp_path, text).items()])
    assert "canary" not in shown.lower()
    assert "nats://***@127.0.0.1:4222" in shown
    assert "canary" not in str(refused(tmp_path, "[accounts.a]\nkey = 'canary'\n"))


@given(count=st.integers(0, 500), unit=st.sampled_from(["ms", "s", "m", "h", "d"]))
def test_a_duration_is_shown_as_it_may_be_written(count: int, unit: str) -> None:
    text = f"{count}{unit}"
    assert seconds(duration(seconds(text))) == pytest.approx(seconds(text))
    assert len(duration(seconds(text))) <= max(len(text), 2)


def test_config_shows_durations_as_one_writes_them(tmp_path: Path) -> None:
    text = (
        "[projects]\nidleTimeout = '90s'\n[sessions]\nretention = '48h'\narchiveAfter = 'never'\n"
    )
    shown = {item.key: item.value for item in read(tmp_path, text).items()}
    keys = ("projects.idleTimeout", "sessions.retention", "sessions.archiveAfter", "keeper.grace")
    assert [shown[key] for key in keys] == ["90s", "2d", None, "10m"]


def test_the_home_is_absolute_and_defaults_to_port42() -> None:
    assert home({"HOME": "/x"}) == Path("~/.port42").expanduser()
    assert home({"P42_HOME": ""}) == Path("~/.port42").expanduser()
    assert home({"P42_HOME": "/a/../b"}) == Path("/b")
    assert home({"P42_HOME": "c"}) == Path.cwd() / "c"


@pytest.mark.parametrize("trust", ["all", "follow", "pin"])
def test_what_may_run_unasked_is_the_users_to_say(tmp_path: Path, trust: str) -> None:
    assert load(tmp_path, env={"P42_TRUST": trust}).trust == trust


def test_what_only_a_later_version_serves_is_told(tmp_path: Path) -> None:
    assert load(tmp_path, env={"P42_COMPAT_PORTER_LISTEN": "127.0.0.1:1"}).later == (
        "compat.porter.listen",
    )
    assert load(tmp_path, env={}).later == ()
