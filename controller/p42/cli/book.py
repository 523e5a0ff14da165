"""Book: every command in a line: where it lives, what it takes. Read without importing any of them.

`p42 --help`, completion and the fast door live on this table; a test holds it against the commands
themselves. A flag that ends in `=` takes a value.
"""

from __future__ import annotations

from collections import namedtuple  # typing.NamedTuple would import typing: 4 ms of a 30 ms `get`

# takes: what its arguments are, for completion: refs, looks, paths, field, log, kinds, shell,
# verbs, projects, agents
Command = namedtuple("Command", "group where takes flags summary")

DESIRED = "Desired state"
LOOKING = "Looking"
DAEMON = "Daemon"
SHELL = "Setting up"
PROJECTS = "Projects"
AGENTS = "Agents"
MODELS = "Models and money"
GROUPS = (DESIRED, LOOKING, AGENTS, MODELS, PROJECTS, DAEMON, SHELL)

FORMATS = ("table", "wide", "json", "yaml", "name", "jsonpath=")
# What may follow a flag, for completion; "files" and "refs" are looked up.
VALUES = {
    "--format": ("text", "json", "github", "sarif", "junit"),
    "--engine": ("auto", "jsonschema-rs", "jsonschema"),
    "--for": ("Ready", "Deleted", "jsonpath="),
    "--file": "files",
    "-f": "files",
    "--check": "files",
    "--export": "files",
    "--shell": ("bash", "zsh", "fish", "sh"),
}


def _c(group: str, where: str, takes: str, flags: str, summary: str) -> Command:
    return Command(group, f"p42.cli.{where}", takes, tuple(flags.split()), summary)


COMMANDS: dict[str, Command] = {
    "apply": _c(DESIRED, "desired:apply", "",
                "-f= --file= --timeout= --dry-run --prune --no-wait -o= --output=",
                "Make manifests real, and keep them so"),
    "diff": _c(DESIRED, "desired:diff", "", "-f= --file= --prune -o= --output=",
               "Show what apply would do; exit 2 if anything"),
    "delete": _c(DESIRED, "desired:delete", "refs",
                 "-f= --file= --timeout= --no-wait -o= --output=",
                 "Forget a source, or remove one resource"),
    "validate": _c(DESIRED, "checking:validate", "paths", "-f= --file= --format= --engine=",
                   "Check manifests; needs no daemon"),
    "explain": _c(DESIRED, "checking:explain", "field", "--recursive",
                  "Describe a kind or one of its fields"),
    "wait": _c(DESIRED, "steering:wait", "refs", "--for= --timeout=",
               "Wait until resources are ready, or gone"),
    "approve": _c(DESIRED, "approve:approve", "refs", "--all --yes -y -o= --output=",
                  "Show what a held change would run, and let it"),
    "rollback": _c(DESIRED, "rollback:rollback", "refs", "-o= --output=",
                   "Go back to the version before of a forged command"),
    "forge": _c(DESIRED, "rollback:forge", "refs", "-o= --output=",
                "Forge a command's prompt once more"),
    "reconcile": _c(DESIRED, "steering:reconcile", "refs", "",
                    "Look again now, back-off forgotten"),
    "pause": _c(DESIRED, "steering:pause", "refs", "", "Watch a resource, change nothing"),
    "resume": _c(DESIRED, "steering:resume", "refs", "", "End a pause"),
    "get": _c(LOOKING, "looking:get", "looks",
              "-w --watch -o= --output= -l= --selector=",
              "List resources, or `get status`: is it all true?"),
    "describe": _c(LOOKING, "looking:describe", "refs", "-o= --output=",
                   "Everything about one resource"),
    "tree": _c(LOOKING, "looking:tree", "refs", "-o= --output=", "What needs what"),
    "events": _c(LOOKING, "looking:events", "refs", "-f --follow -n= --lines= -o= --output=",
                 "What happened"),
    "logs": _c(LOOKING, "looking:logs", "log", "-f --follow -n= --lines= --messages -o= --output=",
               "Last words of a resource, or of the daemon"),
    "ask": _c(MODELS, "ask:ask", "",
              "--account= --model= --agent= --system= --timeout= --no-stream -o= --output=",
              "Ask a model; standard input is its context"),
    "possess": _c(AGENTS, "possess:possess", "agents",
                  "--session= --model= --into= --new --timeout= -o= --output=", "Talk to an agent"),
    "session": _c(AGENTS, "sessions:app", "verbs", "", "Conversations, kept and searchable"),
    "account": _c(MODELS, "accounts:app", "verbs", "", "Accounts and their keys"),
    "model": _c(MODELS, "models:app", "verbs", "", "Models and their prices"),
    "usage": _c(MODELS, "usage:usage", "",
                "--from= --to= --by= -o= --output= --verify --export= --check= --key=",
                "What calls used and cost; the journal's proof"),
    "chat": _c(PROJECTS, "talking:chat", "projects", "--timeout=",
               "Talk to a project's companion, or to numa"),
    "project": _c(PROJECTS, "projects:app", "verbs", "", "Projects and their companions"),
    "top": _c(PROJECTS, "projects:top", "", "--interval= --once -o= --output=",
              "Sockets and their processes, live"),
    "serve": _c(DAEMON, "running:serve", "",
                "-f= --file= --gateway-port= --http-port= --log-level=",
                "Run the daemon in front"),
    "start": _c(DAEMON, "running:start", "", "", "Start the daemon in the background"),
    "stop": _c(DAEMON, "running:stop", "", "", "Stop the daemon"),
    "restart": _c(DAEMON, "running:restart", "", "", "Stop and start; sources are remembered"),
    "token": _c(DAEMON, "tokens:app", "verbs", "", "Keys to the HTTP door"),
    "doctor": _c(DAEMON, "doctor:doctor", "", "-o= --output=",
                 "Check this machine and this home"),
    "config": _c(DAEMON, "settings:config", "", "-o= --output=",
                 "Settings, and where each comes from"),
    "init": _c(SHELL, "init:init", "", "--yes -y --undo --no-start --shell=",
               "Set up home and PATH, start, verify"),
    "deps": _c(SHELL, "deps:deps", "", "--install --yes -y -o= --output=",
               "Programs that commands need and lack"),
    "migrate": _c(SHELL, "migrate:migrate", "", "--from-env --dry-run",
                  "Make manifests of older commands, settings and keys"),
    "service": _c(SHELL, "service:app", "verbs", "", "Start p42 at login"),
    "completion": _c(SHELL, "completion:completion", "shell", "",
                     "Completion script for bash, zsh, fish"),
}  # fmt: skip

SUBCOMMANDS: dict[str, dict[str, tuple[str, ...]]] = {
    "account": {
        "add": ("--name=", "--key=", "--default", "--base-url=", "--model=", "--dry-run"),
        "list": ("-o=", "--output="),
        "use": ("--dry-run",),
        "remove": ("--forget-key", "--keep-key", "--yes", "-y"),
        "login": ("--store=",),
        "unlock": (),
        "check": ("-o=", "--output="),
        "keys": ("-o=", "--output="),
    },
    "model": {
        "list": ("--account=", "-o=", "--output="),
        "info": ("--account=", "-o=", "--output="),
        "set": ("--account=", "--dry-run"),
    },
    "project": {
        "list": ("-o=", "--output="),
        "forward": (),
        "unforward": (),
        "attach": (),
    },
    "session": {
        "list": ("--agent=", "--archived", "-n=", "--lines=", "-o=", "--output="),
        "show": ("-o=", "--output="),
        "watch": ("-o=", "--output="),
        "search": ("-n=", "--lines=", "-o=", "--output="),
        "resume": (),
        "end": (),
        "delete": ("--yes", "-y"),
        "export": (),
        "import": (),
    },
    "service": {"install": ("--print",), "uninstall": ()},
    "token": {
        "create": ("--scope=", "--name=", "--expires=", "-o=", "--output="),
        "list": ("-o=", "--output="),
        "revoke": (),
    },
}
