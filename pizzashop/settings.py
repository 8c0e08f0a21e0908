"""The settings of the shop: each environment variable it reads, with its default and its limits."""

import os
import re
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from pwd import getpwuid
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from pizzashop.domain.lifecycle import STEPS
from pizzashop.errors import InvalidSettings

Store = Literal["redis", "postgresql"]
STORES: tuple[Store, ...] = get_args(Store)
BrokerName = Literal["redis", "rabbitmq", "kafka"]
BROKERS: tuple[BrokerName, ...] = get_args(BrokerName)

_STAGE_STATUSES = frozenset(stage.status for step in STEPS for stage in step.timed_stages)
# Dapr sets these variables, so their names have no prefix.
_DAPR_SETTINGS = ("dapr_http_port", "dapr_grpc_port", "dapr_api_token", "app_api_token")
_SECONDS_OF_UNIT = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_YEAR_SECONDS = 365 * 86400.0


def parse_duration(text: str) -> float | None:
    """Return the seconds of a duration such as `7d`, `12h`, `90s` or `90`; None if the text is not a duration."""
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)\s*([smhd]?)", text.strip())
    return float(match[1]) * _SECONDS_OF_UNIT[match[2]] if match else None


def _seconds_or_unchanged(value: Any) -> Any:
    # Pydantic then refuses a text that is not a duration, with its usual message.
    seconds = parse_duration(value) if isinstance(value, str) else None
    return value if seconds is None else seconds


Seconds = Annotated[float, BeforeValidator(_seconds_or_unchanged)]


class Settings(BaseModel):
    """The settings of one process. `environment_variable` names the variable of each."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pace: float = Field(1.0, ge=0, allow_inf_nan=False, description="factor for the duration of every stage")
    fail: str = Field("", pattern=r"^$|^[a-z_]+:.*$", description="<stage>:<order id prefix>: this stage fails")
    max_remakes: int = Field(2, ge=0, le=20, description="how often one order's pizza may be made again")
    validation_reminder: Seconds = Field(
        "5m", gt=0, le=_YEAR_SECONDS, validate_default=True, description="remind the manager after x1, x2, x4, x8 this"
    )
    validation_deadline: Seconds | None = Field(
        None, gt=0, le=_YEAR_SECONDS, description="fail an order that waits longer for its decision"
    )
    retention: Seconds = Field(
        "7d", ge=1, allow_inf_nan=False, validate_default=True, description="how long to keep finished workflows"
    )
    host: Annotated[str, AfterValidator(lambda host: host.strip().strip("[]"))] = Field(
        "127.0.0.1", description="the address that the roles listen on"
    )
    hosts: str = Field("", description="further host names of the shop, separated by commas")
    staff_token: str = Field(
        "", pattern=r"^$|^[!-~]{16,512}$", repr=False, description="the bearer token of staff programs"
    )
    metrics_token: str = Field(
        "", pattern=r"^$|^[!-~]{16,512}$", repr=False, description="the bearer token with which metrics are collected"
    )
    staff_file: Path | None = Field(None, description="the file with the staff's accounts")
    secret: str = Field("", pattern=r"^$|^.{32,}$", repr=False, description="the key that signs staff sessions")
    https: bool = Field(False, description="whether people reach the shop over HTTPS only")
    threads: int = Field(1024, ge=8, le=4096, description="requests that one process serves at the same time")
    currency: str = Field("EUR", pattern=r"^[A-Z]{3}$", description="the ISO 4217 code of the prices' currency")
    watchers: int = Field(128, ge=1, le=4096, description="live pages that one process serves at the same time")
    log: Literal["text", "json"] = Field("text", description="the format of log lines")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="the lowest level to log")
    store: Store = Field("redis", description="the state store that `up` uses")
    postgres_url: str = Field("", repr=False, description="the address of a PostgreSQL of your own, with its login")
    broker: BrokerName = Field("redis", description="the broker that `up` uses")
    broker_url: str = Field("", repr=False, description="the address of RabbitMQ or Kafka, with its login")
    traces_url: str = Field(
        "",
        pattern=r"^$|^http://[^\s/?#]+/?$",
        description="the address of the Jaeger that the manager's page asks",
    )
    state_dir: Path = Field(
        default_factory=lambda: _user_directory("XDG_STATE_HOME", ".local/state", "state_dir"),
        description="the directory of data that must survive",
    )
    cache_dir: Path = Field(
        default_factory=lambda: _user_directory("XDG_CACHE_HOME", ".cache", "cache_dir"),
        description="the directory of data that can be made again",
    )
    dapr_http_port: int | None = Field(None, description="the sidecar's HTTP port")
    dapr_grpc_port: int | None = Field(None, description="the sidecar's gRPC port")
    dapr_api_token: str = Field("", repr=False, description="the token that the sidecar requires")
    app_api_token: str = Field("", repr=False, description="the token that the sidecar sends")

    @property
    def max_steps(self) -> int:
        """How many steps, and as many requests from outside, one process serves at the same time.

        So neither alone takes the threads that health checks, events and the calls of other roles need.
        """
        return self.threads * 3 // 4

    @property
    def max_waiting_starts(self) -> int:
        """How many new orders may wait in one process: fewer than requests from outside, of which each may be one."""
        return self.threads // 2

    @property
    def products(self) -> tuple[str, ...]:
        """The products whose components replace the default ones, which are for Redis."""
        return tuple(product for product in (self.store, self.broker) if product != "redis")

    @classmethod
    def from_env(cls, env: Mapping[str, str] = os.environ, **options: str | None) -> Self:
        """Read the environment; raise InvalidSettings, which names the variables, if a value is invalid.

        `options` are those of the command line, and replace what the environment says.
        """
        values = {name: options.get(name) or env.get(environment_variable(name)) for name in cls.model_fields}
        try:
            return cls.model_validate({name: value for name, value in values.items() if value})
        except ValidationError as error:
            raise InvalidSettings("; ".join(_explain(e["loc"], e["msg"]) for e in error.errors())) from None

    @model_validator(mode="after")
    def _check_fail(self) -> Self:
        if self.fail and self.fail.partition(":")[0] not in _STAGE_STATUSES:
            raise ValueError(f"PIZZASHOP_FAIL names no stage: {self.fail!r} is not <stage>:<order id prefix>")
        if self.fail and not is_loopback(self.host):
            raise ValueError("PIZZASHOP_FAIL is for demonstrations: it needs PIZZASHOP_HOST to be loopback")
        return self


def environment_variable(setting: str) -> str:
    """Return the name of the environment variable that holds a setting."""
    return setting.upper() if setting in _DAPR_SETTINGS else f"PIZZASHOP_{setting.upper()}"


def home_directory() -> Path | None:
    """Return the user's home directory; None if HOME is not set and the system knows none."""
    if home := os.environ.get("HOME"):
        return Path(home)
    try:
        return Path(getpwuid(os.getuid()).pw_dir)
    except KeyError:
        return None


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach a server that listens on `host`."""
    if host == "localhost":
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    # An IPv6 address may contain an IPv4 address: ::ffff:127.0.0.1 is loopback too.
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def connectable_host(host: str) -> str:
    """Return the address at which this machine reaches a server that listens on `host`."""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if not address.is_unspecified:
        return host
    return "127.0.0.1" if address.version == 4 else "::1"


def bracket_ipv6(host: str) -> str:
    """Return a host as a URL needs it: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host else host


def _user_directory(xdg_variable: str, fallback: str, setting: str) -> Path:
    if base := os.environ.get(xdg_variable):
        return Path(base) / "pizzashop"
    if (home := home_directory()) is None:
        variable = environment_variable(setting)
        raise InvalidSettings(f"This user has no home directory: set {variable} to a directory of yours, or HOME.")
    return home / fallback / "pizzashop"


def _explain(location: tuple[int | str, ...], message: str) -> str:
    if location:
        return f"{environment_variable(str(location[0]))}: {message}"
    return message.removeprefix("Value error, ")
