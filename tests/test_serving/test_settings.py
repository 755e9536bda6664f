"""Where settings come from, which one counts, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from serving.errors import SettingsError
from serving.settings import SECRETS, Settings, explain_settings, load_settings


@pytest.fixture
def toml(tmp_path: Path) -> Path:
    path = tmp_path / "settings.toml"
    path.write_text('group_id = "file"\ntopic_prefix = "file."\nmodel = "file"\nbatch_max_posts = 7\n')
    return path


def test_a_flag_beats_the_environment_which_beats_the_file_which_beats_the_default(toml: Path) -> None:
    environ = {"FALSEPASSAGE_TOPIC_PREFIX": "env.", "FALSEPASSAGE_MODEL": "env"}
    settings = load_settings({"model": "flag", "group_id": None}, environ, toml)
    assert (settings.model, settings.topic_prefix, settings.group_id) == ("flag", "env.", "file")
    assert settings.batch_max_posts == 7
    assert settings.log_level == "INFO"


def test_the_origin_of_each_setting_is_shown(toml: Path) -> None:
    environ = {"FALSEPASSAGE_TOPIC_PREFIX": "env."}
    rows = {row.name: row for row in explain_settings({"model": "flag"}, environ, toml)}
    assert list(rows) == list(Settings.__struct_fields__)
    assert (rows["model"].value, rows["model"].origin) == ("flag", "--model")
    assert (rows["topic_prefix"].value, rows["topic_prefix"].origin) == ("env.", "FALSEPASSAGE_TOPIC_PREFIX")
    assert (rows["group_id"].value, rows["group_id"].origin) == ("file", str(toml))
    assert rows["log_level"].origin == "default"


def test_the_environment_may_name_the_file(toml: Path) -> None:
    assert load_settings({}, {"FALSEPASSAGE_CONFIG": str(toml)}).group_id == "file"
    assert load_settings({}, {"FALSEPASSAGE_CONFIG": ""}).group_id == "falsepassage"


@pytest.mark.parametrize("name", sorted(SECRETS))
def test_a_secret_is_masked_wherever_it_came_from(name: str, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hunter2\n")
    (tmp_path / "s.toml").write_text(f'{name} = "hunter2"\n')
    variable = f"FALSEPASSAGE_{name.upper()}"
    for flags, environ, file in (
        ({name: "hunter2"}, {}, None),
        ({}, {variable: "hunter2"}, None),
        ({}, {f"{variable}_FILE": str(tmp_path / "secret")}, None),
        ({}, {}, tmp_path / "s.toml"),
    ):
        rows = explain_settings(flags, environ, file)
        assert "hunter2" not in repr(rows)
        assert [row.value for row in rows if row.name == name] == ["********"]
        assert getattr(load_settings(flags, environ, file), name) == "hunter2"


def test_every_password_is_a_secret() -> None:
    assert {name for name in Settings.__struct_fields__ if "password" in name} <= SECRETS


def test_a_secret_is_read_from_the_file_that_is_named(tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_text("hunter2\n")
    rows = explain_settings({}, {"FALSEPASSAGE_SASL_PASSWORD_FILE": str(path)})
    assert [row.origin for row in rows if row.name == "sasl_password"] == ["FALSEPASSAGE_SASL_PASSWORD_FILE"]
    with pytest.raises(SettingsError, match=r"SASL_PASSWORD_FILE.*none"):
        load_settings({}, {"FALSEPASSAGE_SASL_PASSWORD_FILE": str(tmp_path / "none")})
    path.write_bytes(b"\xff")
    with pytest.raises(SettingsError, match=r"SASL_PASSWORD_FILE.*password"):
        load_settings({}, {"FALSEPASSAGE_SASL_PASSWORD_FILE": str(path)})


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ('colour = "red"', "colour"),
        ("[kafka]\na = 1", "kafka"),
        ('batch_max_posts = "many"', "batch_max_posts"),
        ("batch_max_posts = 0", "batch_max_posts"),
        ("audit_floor = 1.5", "audit_floor"),
        ('operating_point = "most"', "operating_point"),
        ("bootstrap_servers = 5", "bootstrap_servers"),
        ("not toml", "not TOML"),
    ],
)
def test_a_wrong_file_is_refused_by_name(tmp_path: Path, content: str, named: str) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(content)
    with pytest.raises(SettingsError) as caught:
        load_settings({}, {}, path)
    assert str(path) in str(caught.value)
    assert named in str(caught.value)


def test_a_file_that_is_missing_or_no_text_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"none\.toml"):
        load_settings({}, {}, tmp_path / "none.toml")
    (tmp_path / "raw.toml").write_bytes(b"\xff")
    with pytest.raises(SettingsError, match=r"raw\.toml"):
        load_settings({}, {}, tmp_path / "raw.toml")


@pytest.mark.parametrize(
    ("variable", "value"),
    [("METRICS_PORT", "70000"), ("METRICS_PORT", "x"), ("BATCH_MAX_WAIT_S", "-1"), ("CHECK_HOSTNAME", "perhaps")],
)
def test_a_wrong_variable_is_refused_by_name(variable: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"FALSEPASSAGE_{variable}"):
        load_settings({}, {f"FALSEPASSAGE_{variable}": value})


def test_a_wrong_flag_is_refused_by_name() -> None:
    with pytest.raises(SettingsError, match="--metrics-port: metrics_port"):
        load_settings({"metrics_port": -1}, {})


def test_words_become_numbers_and_truths() -> None:
    environ = {
        "FALSEPASSAGE_METRICS_PORT": "0",
        "FALSEPASSAGE_CHECK_HOSTNAME": "false",
        "FALSEPASSAGE_AUDIT_FLOOR": "1e-4",
    }
    settings = load_settings({}, environ)
    assert (settings.metrics_port, settings.check_hostname, settings.audit_floor) == (0, False, 1e-4)


def test_settings_do_not_change() -> None:
    with pytest.raises(AttributeError):
        load_settings({}, {}).group_id = "other"  # type: ignore[misc]


def test_two_workers_on_one_host_have_different_names() -> None:
    one, two = load_settings({"metrics_port": 1}, {}), load_settings({"metrics_port": 2}, {})
    assert one.instance != two.instance
    assert load_settings({"instance_id": "a"}, {}).instance == "a"
