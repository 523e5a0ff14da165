"""Command: an executable in the home's `commands/`, from source, a file, or a prompt."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from p42.kinds.fields import AgentName, Argument, Line, Part, Text, exactly_one

KIND, PLURAL, SHORT = "Command", "commands", "cmd"

# A program as a shell finds it on PATH. No leading - (an option) and nothing a shell would expand.
Program = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._+-]*$", max_length=64, examples=["jq", "g++"])
]


class Expect(Part):
    """What a test has to come to."""

    exit_code: Annotated[int, Field(strict=False, ge=0, le=255)] = Field(
        0, description="The exit code."
    )
    stdout: str | None = Field(None, description="Standard output, to the byte (UTF-8).")
    matches: Text | None = Field(
        None,
        description="A regular expression found somewhere in standard output. Linear time: no "
        "look-around, no back-references.",
    )


class Test(Part):
    """One run of the command that has to come out as expected."""

    args: tuple[Argument, ...] = Field((), description="Its arguments.")
    stdin: str = Field("", description="Its standard input.")
    expect: Expect = Field(Expect.model_construct(), description="What it has to come to.")


class Sandbox(Part):
    """What the command may reach. Declared, it runs inside it also when a person runs it.

    Paths are from / or ~/, without ..; `.` is the directory it is run in.
    """

    network: bool = Field(False, description="Whether it may use the network.")
    read: tuple[Line, ...] = Field(
        (), description="Paths it may read: from / or ~/, or `.`, the directory it is run in."
    )
    write: tuple[Line, ...] = Field(
        (), description="Paths it may write: from / or ~/, or `.`, the directory it is run in."
    )


class Command(Part):
    """An executable command. Exactly one of source, sourceFile and prompt."""

    model_config = ConfigDict(
        json_schema_extra={
            **exactly_one("source", "sourceFile", "prompt"),
        }
    )

    source: Text | None = Field(None, description="The script itself.")
    source_file: Line | None = Field(
        None,
        description="File with the script, relative to the manifest and inside its source.",
        json_schema_extra={"x-p42-file": True},
    )
    prompt: Text | None = Field(
        None,
        description="What to forge the script from, once; it is pinned in forged/NAME.lock.yaml.",
        json_schema_extra={"x-p42-lock": True},
    )
    language: Literal["bash", "python", "node"] | None = Field(
        None,
        description="Left out, what the shebang or the file's extension says, else bash.",
    )
    description: Text | None = Field(None, description="What it does, in a line.")
    agent_ref: AgentName | None = Field(None, description="The Agent that forges the prompt.")
    model: Line | None = Field(None, description="Model id to forge with.")
    dependencies: tuple[Program, ...] = Field(
        (), description="Programs it needs; it checks for them when it is run."
    )
    tests: tuple[Test, ...] = Field(
        (), description="Runs that have to come out as expected before it replaces the old version."
    )
    verbatim: bool = Field(
        False,
        description="Whether the script is placed to the byte, without p42's header and dependency "
        "check.",
    )
    sandbox: Sandbox | None = Field(
        None,
        description="What it may reach, whoever runs it; left out, all that who runs it may.",
    )
    approve: Literal["manual", "auto"] = Field(
        "manual", description="Whether a person has to agree to what a model wrote."
    )


SPEC = Command
