"""Plan: lease a port, have the keeper hold it, keep an `always` child running. Pure.

    nothing -> Lease -> Declare -> (Wake, whenever an `always` child has ended) -> Drop -> Unlease

What a child gets is digested here: another digest is another declaration, and the old child is
replaced without a refused connection. What answers (an account's model) is digested apart: a child
is told of another one, and its clients stay. The environment is not part of it: it is the daemon's,
and a restart from another shell must not replace every child.

`limits`: `memory` bounds the child's data (RLIMIT_DATA), at
least 32 MiB; `requests` its chats at the same time;
`cpu` is a share: a companion has one thread and so never uses more than one core, and below one it
gives way to others as far (nice), without being stopped where nobody else wants to run.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any

from p42.kinds.projectci.seen import Declare, Drop, Lease, Mind, Seen, Step, Unlease, Wake
from p42.kinds.projectci.spec import Limits, ProjectCI
from p42.model.kind import Want
from p42.model.plan import Instant, Plan, Seconds, rfc3339
from p42.model.quantity import seconds, size
from p42.model.refs import Ref
from p42.model.sockets import Declaration, Unit
from p42.model.status import Facts, Status, in_progress, reconciled
from p42.wire.tekton import ci_name

APART = ":"  # in a wish: before it what makes a child, after it what a child is told
SQUATTED = 1.0  # s between two looks at a port that somebody else has
PATIENCE = 2  # crashes in a row that are mended at once and not called a loop
LONGEST = 300.0  # s between two starts of what crashes; kubelet's order of magnitude
WELL = 10.0  # s a child that crashed before has to live until it counts as ready
PAUSE = 10.0  # s; the keeper's own, after too many starts
FILES = 2100  # descriptors of a child: 1,024 visitors, a question of each, and a few
NICER = 1.25  # how much less each step of `nice` weighs (kernel: sched_prio_to_weight)
LEAST_NICE = 19
LEAST_MEMORY = 32 * 2**20  # bytes; below that no companion can start
MOST_MEMORY = 2**60  # bytes; more than any machine has, less than the kernel's number


def plan(want: Want[ProjectCI] | None, seen: Seen, now: Instant) -> Plan[Step]:
    """What must be done. A port that somebody else holds is waited for: it does not move."""
    if want is None:
        return _taken_down(seen)
    wish, always = wish_of(want, seen), want.spec.activation == "always"
    told = seen.declared.partition(APART)[0] == wish.partition(APART)[0]
    lease = str(want.spec.port)
    if seen.lease != lease:
        return _doing(Lease(lease), Declare(wish, always, bool(seen.declared)))
    if seen.declared != wish:
        if seen.holder:
            return _squatted(want.spec, seen)
        return _doing(Declare(wish, always, bool(seen.declared), told))
    if seen.unit is None:
        return Plan((), in_progress("its socket is being made"))
    return _running(want.spec, seen, seen.unit, now)


def _taken_down(seen: Seen) -> Plan[Step]:
    steps: list[Step] = []
    if seen.declared:
        steps.append(Drop())
    if seen.lease:
        steps.append(Unlease())
    return Plan(tuple(steps), Status("Unknown", "Deleting") if steps else reconciled())


def _doing(*steps: Step) -> Plan[Step]:
    return Plan(steps, in_progress("its socket is to be made"))


def _squatted(spec: ProjectCI, seen: Seen) -> Plan[Step]:
    template = "its port is held by another program"
    message = f"port {seen.port} is held by {seen.holder}; stop it, and this goes on by itself"
    if spec.port != "auto":
        template = f"port {spec.port} is held by another program"
    return Plan((), Status("False", "PortInUse", message, template, facts=_facts(spec)), SQUATTED)


def _running(spec: ProjectCI, seen: Seen, unit: Unit, now: Instant) -> Plan[Step]:
    always, facts, live = spec.activation == "always", _facts(spec), _live(unit)
    if unit.state == "paused":
        text = "started too often in too short a time; paused for a moment"
        return Plan((), Status("False", "CrashLoopBackOff", template=text, facts=facts, live=live),
                    PAUSE)  # fmt: skip
    if unit.state == "starting":
        return Plan((), Status("Unknown", "InProgress", "it is starting", facts=facts, live=live))
    if unit.crashes > PATIENCE and unit.state == "awake" and now - unit.since < WELL:
        text = f"it was started again after it ended {unit.crashes} times"
        left = WELL - (now - unit.since)
        return Plan((), Status("Unknown", "InProgress", text, facts=facts, live=live), left)
    if unit.state == "asleep" and (always or unit.crashes > PATIENCE):
        return _asleep(always, unit, Status("True", "Reconciled", facts=facts, live=live), now)
    return Plan((), reconciled(facts=facts, live=live, message=_mood(unit)))


def _asleep(always: bool, unit: Unit, well: Status, now: Instant) -> Plan[Step]:
    """An `always` that ended, or one that ends each time it is started."""
    left = unit.exited_at + back_off(unit.crashes) - now
    looping = unit.crashes > PATIENCE
    if always and left <= 0:
        again = Status("Unknown", "InProgress", "it ended and is started again",
                       facts=well.facts, live=well.live)  # fmt: skip
        return Plan((Wake(unit.crashes),), again)
    template = "it ends again and again soon after its start"
    message = f"{template}, last with exit code {unit.last_exit}"
    if always:
        message += f"; tried again in {math.ceil(left)} s, or by the next connection"
    else:
        message += "; the next connection tries again"
    reason = "CrashLoopBackOff" if looping else "InProgress"
    status = Status("False" if looping else "Unknown", reason, message, template,
                    well.facts, well.live)  # fmt: skip
    return Plan((), status, left if always else None)


def back_off(crashes: int) -> Seconds:
    """How long an `always` that ended so often in a row stays down: the first ones not at all."""
    return 0.0 if crashes <= PATIENCE else min(2.0 ** (crashes - PATIENCE - 1), LONGEST)


def declaration_of(want: Want[ProjectCI], seen: Seen, *, port: int, token: str) -> Declaration:
    """All a child gets. Of `seen`, what the configuration and the accounts say counts."""
    wish = wish_of(want, seen)
    return Declaration(
        wish=wish,
        port=port,
        always=want.spec.activation == "always",
        spec={**child_spec(want, seen.idle), **told_of(seen.mind), "token": token},
        limits=limits_of(want.spec.limits),
        digest=wish.partition(APART)[0],
    )


def wish_of(want: Want[ProjectCI], seen: Seen) -> str:
    """The digest of all a child gets but its port and its token; what it can be told, apart."""
    parts = [child_spec(want, seen.idle), limits_of(want.spec.limits), want.spec.activation]
    return _digest(parts) + APART + _digest(told_of(seen.mind))


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def child_spec(want: Want[ProjectCI], idle: float) -> dict[str, Any]:
    """What the companion is to itself. `idle` seconds is the configuration's."""
    spec, name = want.spec, want.ref.name
    if spec.idle_timeout is not None:
        idle = seconds(spec.idle_timeout)
    return {
        "name": name,
        "project": spec.project or name,
        "aiId": ci_name(name),
        "context": spec.context or "",
        "requests": spec.limits.requests or 0,
        "idle": 0.0 if spec.activation == "always" else idle,
    }


def told_of(mind: Mind) -> dict[str, Any]:
    """What a companion can be told while it runs."""
    return {"model": mind.model, "provider": mind.provider}


def named_by(want: Want[ProjectCI]) -> tuple[str | None, str]:
    """The account and the model that a message's call names; None, "" = none.

    As for who talks to its agent: what the project says, then what the agent does.
    """
    spec, agent = want.spec, _agent(want)
    account = spec.account_ref if spec.account_ref is not None else agent.get("accountRef")
    return account, spec.model or str(agent.get("model") or "")


def thinks(want: Want[ProjectCI]) -> bool:
    """Whether a model of an account answers, and no program or machine elsewhere."""
    return bool(_agent(want).get("runtime", "model") == "model")


def _agent(want: Want[ProjectCI]) -> Facts:
    ref = want.spec.agent_ref
    found = want.needs.get(Ref("Agent", ref)) if ref is not None else None
    return found.facts if found is not None else {}


def limits_of(limits: Limits) -> Mapping[str, int]:
    """As the kernel takes them."""
    cpu = limits.cpu if limits.cpu is not None else 1.0
    nice = 0 if cpu >= 1 else min(LEAST_NICE, round(-math.log(cpu) / math.log(NICER)))
    memory = min(max(size(limits.memory), LEAST_MEMORY), MOST_MEMORY) if limits.memory else 0
    return {"memory": memory, "nice": nice, "files": FILES}


def publish(want: Want[ProjectCI], seen: Seen) -> Facts:
    """What others may know of it."""
    spec = want.spec
    return {
        "project": spec.project or want.ref.name, "agent": spec.agent_ref or "",
        "account": spec.account_ref or "", "model": seen.mind.model, "port": seen.port,
    }  # fmt: skip


def _facts(spec: ProjectCI) -> Facts:
    """A port that was drawn is this machine's own and not in the file; one that is fixed is."""
    return {"endpoint": "auto" if spec.port == "auto" else f"127.0.0.1:{spec.port}"}


def _live(unit: Unit) -> Facts:
    """Nothing that changes from look to look: a row that is equal is not told again."""
    return {
        "endpoint": f"127.0.0.1:{unit.port}", "state": unit.state, "pid": unit.pid or None,
        "since": rfc3339(Instant(unit.since)) if unit.since else None,
        "starts": unit.starts, "crashes": unit.crashes,
    }  # fmt: skip


def _mood(unit: Unit) -> str:
    return "asleep until somebody connects" if unit.state == "asleep" else ""
