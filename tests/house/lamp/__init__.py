"""Lamp: a toy kind. A lamp is a file `lamps/NAME` in the home that holds its colour."""

# ruff: noqa: I001 - p42.kinds.lamp is there only in the copy that the test makes

from p42.kinds.lamp.driver import LampDriver
from p42.kinds.lamp.plan import Seen, executes, facts, finish, needs, plan, predict
from p42.kinds.lamp.spec import KIND, PLURAL, SHORT, SPEC
from p42.model.kind import Column, Kind

kind = Kind(
    name=KIND,
    plural=PLURAL,
    short=SHORT,
    spec=SPEC,
    plan=plan,
    predict=predict,
    finish=finish,
    needs=needs,
    executes=executes,
    publish=facts,
    driver=LampDriver,
    nothing=Seen(None),
    columns=(Column("COLOUR", "spec.colour"),),
    uses=frozenset({"files"}),
)
