"""What an operator may say about a team or a key, checked here once for the command line and for HTTP."""

import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from app.audit.period import parse_moment
from app.billing.money import read_usd
from app.callers.caller import MODEL_GLOB
from app.callers.policy import Privacy
from app.catalogue.problems import shorten
from app.errors import InvalidInput
from app.upstream.answers import UPSTREAM_ID

LONGEST_NAME: Final = 100
LONGEST_GIVEN: Final = 1000
MOST: Final = 1_000_000
MOST_DAYS: Final = 36_500
MOST_GLOBS: Final = 50
LONGEST_GLOB: Final = 200
LONGEST_NOTE: Final = 500
DAY_SECONDS: Final = 86_400
MOST_GRACE_SECONDS: Final = 30 * DAY_SECONDS
PROBLEMS_LIMIT: Final = 20


def clean_name(text: str) -> str:
    """A name as it is stored: names that look alike to Unicode are one name.

    Raises:
        ValueError: people cannot read it, or terminals cannot show it: control characters, marks that turn
            the writing direction, nothing at all.
    """
    name = unicodedata.normalize("NFKC", text).strip() if len(text) <= LONGEST_GIVEN else ""
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise ValueError(f"a name has 1 to {LONGEST_NAME} printable characters")
    return name


def _future(given: object) -> datetime:
    if not isinstance(given, str):
        raise ValueError('a time is a text such as "2030-01-31T12:00:00Z"')  # noqa: TRY004 # pydantic collects these alone
    moment = parse_moment(given)
    if moment <= datetime.now(UTC):
        raise ValueError("an expiry lies in the future; to end it now, revoke it")
    return moment


def _glob(text: str) -> str:
    if not MODEL_GLOB.fullmatch(text):
        raise ValueError("write a model id like fal-ai/flux-1/dev; `*` and `?` stand for any text")
    return text


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("a note has printable characters only")
    return text


def _upstream_id(text: str) -> str:
    if not UPSTREAM_ID.fullmatch(text):
        raise ValueError("an upstream's id has 1 to 128 letters, digits, `-`, `_`, `.` and `:`")
    return text


Name = Annotated[str, AfterValidator(clean_name)]
Number = Annotated[int, Field(ge=1, le=MOST)]
Days = Annotated[int, Field(ge=1, le=MOST_DAYS)]
Micros = Annotated[int, BeforeValidator(read_usd)]
Glob = Annotated[str, Field(max_length=LONGEST_GLOB), AfterValidator(_glob)]
Globs = Annotated[list[Glob], Field(min_length=1, max_length=MOST_GLOBS)]
Future = Annotated[datetime, BeforeValidator(_future)]
Note = Annotated[str, Field(max_length=LONGEST_NOTE), AfterValidator(_printable)]


class Asked(BaseModel):
    """Something asked for; a field that it does not have is refused, since it was meant to be one."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, hide_input_in_errors=True)


class Limits(Asked):
    """The limits of a team or a key; None where there is no limit."""

    requests_per_minute: Number | None = None
    max_in_flight: Number | None = None
    budget_micros: Micros | None = Field(default=None, alias="budget_usd")
    budget_period: Literal["day", "month", "total"] = "month"
    models: Globs | None = None
    expires_at: Future | None = None


class Kept(Asked):
    """What is kept of a team's jobs; None where the installation's setting counts."""

    # Texts, as they come in JSON; a strict model takes an enum's own members alone.
    privacy: Annotated[Privacy, Field(strict=False)] = Privacy.FULL
    payload_days: Days | None = None
    job_days: Days | None = None
    image_days: Days | None = None
    keeps_images: bool = False
    rewrites_urls: bool = False


class NewTeam(Limits, Kept):
    """A team to be."""

    name: Name


class NewKey(Limits):
    """A key to be; `team` is the name or the id of its team."""

    team: Name
    name: Name


class Amendment(Limits):
    """What is to be different: only the fields that were given count, and None takes a limit away."""

    name: Name = ""

    def given(self) -> dict[str, Any]:
        """The fields that were given, by their names."""
        return {field: getattr(self, field) for field in self.model_fields_set}


class TeamAmendment(Amendment, Kept):
    """The same of a team, which has a policy beside its limits."""


class Rotation(Asked):
    """How long the secret before counts beside the new one, and which one that is.

    Attributes:
        hint: the last characters of the secret that is to be replaced, where whoever asks wants to be sure
            that nobody has replaced it meanwhile.
    """

    grace_seconds: Annotated[int, Field(ge=0, le=MOST_GRACE_SECONDS)] = DAY_SECONDS
    hint: Annotated[str, Field(max_length=LONGEST_NAME)] | None = None


class Binding(Asked):
    """Under which id the upstream has an unknown job, as an operator found it there."""

    upstream_id: Annotated[str, AfterValidator(_upstream_id)]
    note: Note | None = None


class Resubmission(Asked):
    """Why an unknown job is sent again, though it may be paid for twice."""

    note: Note | None = None


class Settlement(Asked):
    """What a lost job cost after all, and how that is known."""

    cost_micros: Micros = Field(alias="cost_usd")
    note: Note | None = None


Shape = TypeVar("Shape", bound=Asked)


def read_as(shape: type[Shape], given: Mapping[str, Any]) -> Shape:
    """The given fields as that shape.

    Raises:
        InvalidInput: some are wrong, or unknown; every one is named.
    """
    try:
        return shape.model_validate(dict(given))
    except ValidationError as error:
        raise InvalidInput([_problem(details) for details in error.errors()[:PROBLEMS_LIMIT]]) from None


def _problem(details: Mapping[str, Any]) -> dict[str, Any]:
    problem = {
        "loc": ["body", *details["loc"]],
        "msg": str(details["msg"]).removeprefix("Value error, "),
        "type": details["type"],
    }
    if details["type"] == "missing":
        return problem
    return problem | {"input": shorten(details["input"])}
