"""Schemas: generated, up to date, the same to every validator, and enough for a sixth kind."""

from __future__ import annotations

import importlib
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import jsonschema
import pytest
from pydantic import BaseModel, ConfigDict, Field

from p42.manifest import schemas
from p42.manifest.engines import compiler
from p42.manifest.kindbook import KindBook, entry, kind_folders
from tests.manifest.conftest import AGENT

ROOT = Path(__file__).parents[2]
SCHEMAS = ROOT / "schemas"


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")
    title: str = "x"
    peer: str | None = Field(None, json_schema_extra={"x-p42-refers": "Toy"})


class Toy(BaseModel):
    """A toy."""

    model_config = ConfigDict(extra="forbid")
    code: Annotated[str, Field(pattern=r"^\d{2}[\d.]\\d$")] = "12"
    file: str | None = Field(None, json_schema_extra={"x-p42-file": True})
    inner: list[Inner] = []
    choice: int | str | None = None
    port: Literal["auto"] | None = None


@pytest.fixture
def toy() -> dict[str, Any]:
    return schemas.document(Toy, "Toy", "toys", "ty", folder="toy")


def test_the_shipped_schemas_are_those_of_the_specs() -> None:
    assert schemas.stale(SCHEMAS) == []


@pytest.mark.parametrize("path", sorted(SCHEMAS.glob("*.json")), ids=lambda path: path.name)
def test_every_schema_is_valid_closed_and_local(path: Path) -> None:
    text = path.read_text()
    schema = json.loads(text)
    jsonschema.Draft202012Validator.check_schema(schema)
    compiler("jsonschema-rs")(schema)
    assert schema["$id"] == f"https://p42.dev/schemas/v1/{path.name}"
    assert all(ref.startswith("#/$defs/") for ref in re.findall(r'"\$ref": "([^"]+)"', text))
    assert '"null"' not in text
    assert ": null" not in text


def test_an_optional_field_is_there_or_not_but_never_null(toy: dict[str, Any]) -> None:
    spec = toy["properties"]["spec"]["properties"]
    assert spec["choice"] == {"anyOf": [{"type": "integer"}, {"type": "string"}]}
    assert spec["port"] == {"const": "auto", "type": "string"}
    assert "title" in toy["$defs"]["Inner"]["properties"]


def test_patterns_mean_the_same_in_every_language(toy: dict[str, Any]) -> None:
    code = toy["properties"]["spec"]["properties"]["code"]
    assert code["pattern"] == r"^[0-9]{2}[0-9.]\\d$"
    assert code["not"] == {"pattern": r"[\r\n]"}


def test_a_kind_book_entry_knows_files_and_references(toy: dict[str, Any]) -> None:
    made = entry("toy", toy)
    assert (made.name, made.plural, made.short) == ("Toy", "toys", "ty")
    assert made.files == (("spec", "file"),)
    assert made.refs == ((("spec", "inner", "*", "peer"), "Toy"),)


def test_a_kind_is_found_by_any_of_its_words(book: KindBook) -> None:
    for word in ("Command", "command", "COMMANDS", "cmd", "Cmd"):
        found = book.find(word)
        assert found is not None
        assert found.name == "Command"
    assert book.find("pods") is None


def test_kinds_are_listed_without_importing_one() -> None:
    program = (
        "import sys; from p42.manifest.kindbook import KindBook; KindBook.load(); "
        "print(*sys.modules)"
    )
    command = [sys.executable, "-c", program]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert not [name for name in shown if name.startswith(("p42.kinds.", "pydantic"))]
    assert set(kind_folders()) >= {"account", "agent", "command", "integration", "projectci"}


def test_a_kind_without_a_generated_schema_is_generated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "widget"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "spec.py").write_text(
        "from pydantic import BaseModel\n\nKIND, PLURAL, SHORT = 'Widget', 'widgets', 'wid'\n\n"
        "class SPEC(BaseModel):\n    size: int\n"
    )
    package = importlib.import_module("p42.kinds")
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path)])
    book = KindBook.load(kinds_dir=tmp_path)
    assert book.names == ("Widget",)


def test_stale_missing_and_surplus_files_are_told(tmp_path: Path) -> None:
    schemas.write_all(tmp_path)
    assert schemas.main([str(tmp_path), "--check"]) == 0
    (tmp_path / "agent.schema.json").write_text("{}")
    (tmp_path / "command.schema.json").unlink()
    (tmp_path / "gone.schema.json").write_text("{}")
    assert schemas.stale(tmp_path) == [
        "agent.schema.json", "command.schema.json", "gone.schema.json"]  # fmt: skip
    assert schemas.main([str(tmp_path), "--check"]) == 1
    assert schemas.main([str(tmp_path)]) == 0
    assert schemas.stale(tmp_path) == []
    assert schemas.main([]) == 64


def test_check_jsonschema_takes_them_and_agrees(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text(AGENT)
    bad.write_text(AGENT.replace("0.8", "3.5"))
    for schema in ("agent.schema.json", "manifest.schema.json"):
        command = [sys.executable, "-m", "check_jsonschema", "--schemafile", str(SCHEMAS / schema)]
        for file, code in ((good, 0), (bad, 1)):
            done = subprocess.run(
                [*command, str(file)], capture_output=True, text=True, check=False
            )
            assert done.returncode == code, done.stdout + done.stderr
    assert "3.5 is greater than the maximum of 2" in done.stdout
    done = subprocess.run(
        [*command[:-2], "--check-metaschema", *map(str, SCHEMAS.glob("*.json"))],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
