"""Every environment variable that the shop reads, with its default: read once, frozen, handed down."""

import os
import re
from ipaddress import ip_address
from pathlib import Path
from pwd import getpwuid
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from pizzashop.domain.lifecycle import STEPS
from pizzashop.errors import InvalidSettings

STAGES = frozenset(stage.status for step in STEPS for stage in step.stages)


def home_directory() -> Path | None:
    """The user's home; None where HOME is not set and the system knows none."""
    if said := os.environ.get("HOME"):
        return Path(said)
    try:
        return Path(getpwuid(os.getuid()).pw_dir)
    except KeyError:
        return None


def _xdg(name: str, fallback: str, setting: str) -> Path:
    if said := os.environ.get(name):
        return Path(said) / "pizzashop"
    if (home := home_directory()) is None:
        raise InvalidSettings(f"This user has no home directory: set {variable(setting)} to a directory of yours, or HOME.")
    return home / fallback / "pizzashop"


UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


def _seconds(said: Any) -> Any:
    """A duration such as `7d`, `12h`, `90s` or `90` in seconds; what is none is left for the type to refuse."""
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)\s*([smhd]?)", said.strip()) if isinstance(said, str) else None
    return float(found[1]) * UNITS[found[2]] if found else said


Seconds = Annotated[float, BeforeValidator(_seconds)]
YEAR = 365 * 86400.0
OF_DAPR = ("dapr_http_port", "dapr_grpc_port", "dapr_api_token", "app_api_token")


class Settings(BaseModel):
    """The shop's settings. Each is read from `PIZZASHOP_<NAME>`, but for those of Dapr."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pace: float = Field(1.0, ge=0, allow_inf_nan=False, description="multiplies the duration of every stage")
    fail: str = Field("", pattern=r"^$|^[a-z_]+:.*$", description="<stage>:<order id prefix>: that stage fails")
    max_remakes: int = Field(2, ge=0, le=20, description="how often a pizza may be made again")
    validation_reminder: Seconds = Field(
        "5m", gt=0, le=YEAR, validate_default=True, description="the manager is reminded after 1, 2, 4 and 8 times that"
    )
    validation_deadline: Seconds | None = Field(
        None, gt=0, le=YEAR, description="an order fails that waits longer for its decision"
    )
    retention: Seconds = Field(
        "7d", ge=1, allow_inf_nan=False, validate_default=True, description="how long finished workflows are kept"
    )
    host: Annotated[str, AfterValidator(lambda host: host.strip().strip("[]"))] = Field(
        "127.0.0.1", description="the address that the roles listen on"
    )
    hosts: str = Field("", description="further names, comma separated, that the shop is reached under")
    staff_token: str = Field(
        "", pattern=r"^$|^[!-~]{16,512}$", repr=False, description="what programs of the staff show, and people may"
    )
    staff_file: Path | None = Field(None, description="the accounts of the staff")
    secret: str = Field("", pattern=r"^$|^.{32,}$", repr=False, description="what signs the sessions of the staff")
    https: bool = Field(False, description="people reach the shop over HTTPS alone")
    threads: int = Field(384, ge=8, le=4096, description="requests that one process serves at a time")
    currency: str = Field("EUR", pattern=r"^[A-Z]{3}$", description="what prices are in, by its ISO 4217 code")
    watchers: int = Field(128, ge=1, le=4096, description="pages that one process keeps up to date at a time")
    log: Literal["text", "json"] = Field("text", description="the form of a log line")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="the least that is logged")
    state_dir: Path = Field(
        default_factory=lambda: _xdg("XDG_STATE_HOME", ".local/state", "state_dir"),
        description="what must survive",
    )
    cache_dir: Path = Field(
        default_factory=lambda: _xdg("XDG_CACHE_HOME", ".cache", "cache_dir"),
        description="what can be made again",
    )
    dapr_http_port: int | None = Field(None, description="set by `dapr run`")
    dapr_grpc_port: int | None = Field(None, description="set by `dapr run`")
    dapr_api_token: str = Field("", repr=False, description="shown to the sidecar")
    app_api_token: str = Field("", repr=False, description="shown by the sidecar")

    @classmethod
    def from_env(cls) -> Self:
        """Read the environment; raises InvalidSettings, which names the variable, where a value makes no sense."""
        said = {name: os.environ.get(variable(name)) for name in cls.model_fields}
        try:
            return cls.model_validate({name: value for name, value in said.items() if value})
        except ValidationError as error:
            raise InvalidSettings("; ".join(_explain(each["loc"], each["msg"]) for each in error.errors())) from None

    @model_validator(mode="after")
    def _failing_on_purpose_makes_sense(self) -> Self:
        if self.fail and self.fail.partition(":")[0] not in STAGES:
            raise ValueError(f"PIZZASHOP_FAIL names no stage: {self.fail!r} is not <stage>:<order id prefix>")
        if self.fail and not is_loopback(self.host):
            raise ValueError("PIZZASHOP_FAIL is for demonstrations: it needs PIZZASHOP_HOST to be loopback")
        return self


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return name.upper() if name in OF_DAPR else f"PIZZASHOP_{name.upper()}"


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens on `host`."""
    if host == "localhost":
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    # An IPv4 address written as IPv6, such as ::ffff:127.0.0.1, is what it stands for.
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def connectable_host(host: str) -> str:
    """The address under which this machine reaches what listens on `host`."""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if not address.is_unspecified:
        return host
    return "127.0.0.1" if address.version == 4 else "::1"


def bracket_ipv6(host: str) -> str:
    """A host as it stands in a URL: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host else host


def _explain(location: tuple[int | str, ...], message: str) -> str:
    return f"{variable(str(location[0]))}: {message}" if location else message.removeprefix("Value error, ")
