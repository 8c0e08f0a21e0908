"""RabbitMQ or Kafka as the broker that the pub/sub component names: how to connect, and whether the shop can use it.

`pizzashop up` starts neither: the user runs it. PIZZASHOP_BROKER_URL has its address and login, and the component reads
them from the environment of the sidecars. Redis as broker is in `redis.py`.
"""

import logging
import os
import re
import socket
import ssl
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from pizzashop.errors import InvalidSettings, LocalError
from pizzashop.local.findings import Problem
from pizzashop.local.ports import HOST, is_listening
from pizzashop.local.project import Project, find_component, is_true, metadata_value
from pizzashop.roles import PUBSUB
from pizzashop.settings import Settings, bracket_ipv6

_DEFAULT_URLS = {"rabbitmq": "amqp://guest:guest@localhost:5672", "kafka": "kafka://localhost:9092"}
_SCHEMES = {"rabbitmq": ("amqp", "amqps"), "kafka": ("kafka", "kafka+ssl")}
_DEFAULT_PORTS = {"amqp": 5672, "amqps": 5671, "kafka": 9092, "kafka+ssl": 9092}
_EXAMPLES = {
    "rabbitmq": "amqp://user:password@host:5672/vhost",
    "kafka": "kafka://user:password@host:9092,another:9092 (with TLS: kafka+ssl://)",
}
# A percent sign in a URL begins an escaped byte.
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
# How long a check waits for a broker that accepts the connection and does not answer.
_ANSWER_SECONDS = 3.0
_LOGIN_REMEDY = "set PIZZASHOP_BROKER_URL, or the metadata of the component, to its own login"
# How Dapr names a mechanism of Kafka's login.
_SASL_MECHANISMS = {"": "PLAIN", "PLAINTEXT": "PLAIN", "SHA-256": "SCRAM-SHA-256", "SHA-512": "SCRAM-SHA-512"}

Address = tuple[str, int]


@dataclass(frozen=True)
class Broker(ABC):
    """A broker as the component names it.

    `is_checkable` is whether `find_fault` can log in: not with a secret, a client certificate or an unknown mechanism.
    `tls` says whom to trust; it is None without TLS.
    """

    addresses: tuple[Address, ...]
    is_checkable: bool
    username: str
    password: str = field(repr=False)
    tls: ssl.SSLContext | None

    @property
    @abstractmethod
    def name(self) -> str:
        """The product's name."""

    @abstractmethod
    def _find_login_fault(self) -> Problem | None:
        """Log in as a sidecar does, without any write. Return why that fails; None if it does not."""

    def find_fault(self) -> Problem | None:
        """Return why a sidecar could not use the broker; None if it could.

        Raise LocalError if the library for that is not installed.
        """
        return self._find_tls_fault() or self._find_login_fault()

    def _find_tls_fault(self) -> Problem | None:
        host, port = next((each for each in self.addresses if is_listening(each[1], each[0])), self.addresses[0])
        try:
            with socket.create_connection((host, port), timeout=_ANSWER_SECONDS) as plain:
                if self.tls:
                    self.tls.wrap_socket(plain, server_hostname=host).close()
        except ssl.SSLCertVerificationError as error:
            text = f"its certificate is not valid here: {error.verify_message}"
            return Problem(text, "set caCert of the component to its authority, in PEM")
        except (ssl.SSLError, OSError) as error:
            return Problem(f"it does not answer by TLS: {error}", "have PIZZASHOP_BROKER_URL name its port for TLS")
        return None

    @property
    def address(self) -> str:
        """Where it is, for a person."""
        shown = (f"port {port}" if host in ("localhost", HOST) else f"{host}:{port}" for host, port in self.addresses)
        return ", ".join(shown)

    @property
    def title(self) -> str:
        """The product and where it is, for a person."""
        return f"{self.name} on {self.address}"

    def is_reachable(self) -> bool:
        """Return whether one of the addresses accepts connections."""
        return any(is_listening(port, host) for host, port in self.addresses)


@dataclass(frozen=True)
class RabbitMQ(Broker):
    """A RabbitMQ; `vhost` is its part that the shop uses."""

    vhost: str = "/"
    name = "RabbitMQ"

    def _find_login_fault(self) -> Problem | None:
        _require_client("pika", "rabbitmq")
        import pika
        from pika.adapters.utils.connection_workflow import AMQPConnectorException

        ((host, port),) = self.addresses
        parameters = pika.ConnectionParameters(
            host,
            port,
            self.vhost,
            pika.PlainCredentials(self.username, self.password),
            ssl_options=pika.SSLOptions(self.tls, host) if self.tls else None,
            socket_timeout=_ANSWER_SECONDS,
            stack_timeout=_ANSWER_SECONDS,
        )
        try:
            with _muted("pika"), pika.BlockingConnection(parameters) as connection:
                connection.channel()
        except pika.exceptions.ProbableAuthenticationError:
            return Problem(f"it refuses the password of user {self.username}", _LOGIN_REMEDY)
        except pika.exceptions.ProbableAccessDeniedError:
            remedy = f"rabbitmqctl add_vhost {self.vhost}, or rabbitmqctl set_permissions, or another virtual host"
            return Problem(f"it has no virtual host {self.vhost} for user {self.username}", remedy)
        except pika.exceptions.IncompatibleProtocolError:
            return Problem("what listens there does not speak AMQP 0-9-1", "have PIZZASHOP_BROKER_URL name a RabbitMQ")
        except (pika.exceptions.AMQPError, AMQPConnectorException) as error:
            return Problem(f"it does not answer: {type(error).__name__}", "see its log")
        return None


@dataclass(frozen=True)
class Kafka(Broker):
    """A Kafka cluster; `mechanism` is that of its login, and empty if there is none."""

    mechanism: str = ""
    name = "Kafka"

    def _find_login_fault(self) -> Problem | None:
        _require_client("kafka", "kafka")
        import kafka
        from kafka.errors import KafkaError

        login = {
            "security_protocol": "SASL_SSL" if self.tls else "SASL_PLAINTEXT",
            "ssl_context": self.tls,
            "sasl_mechanism": self.mechanism,
            "sasl_plain_username": self.username,
            "sasl_plain_password": self.password,
        }
        milliseconds = int(_ANSWER_SECONDS * 1000)
        try:
            with (
                _muted("kafka"),
                kafka.KafkaAdminClient(
                    bootstrap_servers=[f"{bracket_ipv6(host)}:{port}" for host, port in self.addresses],
                    bootstrap_timeout_ms=milliseconds,
                    request_timeout_ms=milliseconds,
                    **(login if self.mechanism else {}),
                ) as client,
            ):
                return _find_cluster_fault(client.describe_cluster()["brokers"])
        except KafkaError:
            # Kafka closes the connection right after it has refused a login, and the client may see only that.
            if self.mechanism:
                text = f"it does not let user {self.username} in by SASL {self.mechanism}"
                return Problem(text, f"the password may be wrong: {_LOGIN_REMEDY}")
            return Problem("it accepts no connection without a login, or is no Kafka", _LOGIN_REMEDY)


def find_broker(project: Project, env: Mapping[str, str]) -> Broker | None:
    """Return the broker of the pub/sub component, whose variables are in `env`; None if that is Redis or unknown.

    Raise LocalError if the component names no valid address.
    """
    component = find_component(project.documents(), PUBSUB) or {"spec": {}}
    kind = str(component["spec"].get("type", "")).removeprefix("pubsub.")
    if kind not in _SCHEMES:
        return None
    entries = component["spec"].get("metadata") or []
    values = {each["name"]: metadata_value(each, {**os.environ, **env}) for each in entries}
    has_secret = any("secretKeyRef" in each for each in entries)
    try:
        return _rabbitmq(values, has_secret) if kind == "rabbitmq" else _kafka(values, has_secret)
    except ValueError:
        # The error may contain the password.
        raise LocalError(f"The component {PUBSUB} names no valid address, such as {_EXAMPLES[kind]}.") from None


def component_environment(settings: Settings) -> dict[str, str]:
    """Return the variables that the components of RabbitMQ and Kafka read; raise InvalidSettings on a bad URL."""
    if settings.broker == "redis":
        return {}
    try:
        default = _DEFAULT_URLS[settings.broker]
        text = settings.broker_url or default
        url = urlsplit(_checked(text if "://" in text else f"{urlsplit(default).scheme}://{text}"))
        addresses = _addresses(url.netloc.rpartition("@")[2], _DEFAULT_PORTS[url.scheme])
        if url.scheme not in _SCHEMES[settings.broker] or (settings.broker == "rabbitmq" and len(addresses) > 1):
            raise ValueError("another product, or more than one RabbitMQ")
    except (KeyError, ValueError):
        text = f"PIZZASHOP_BROKER_URL is no address of {settings.broker}, such as {_EXAMPLES[settings.broker]}"
        raise InvalidSettings(text) from None
    if url.scheme == "kafka+ssl" and not url.username:
        # Without a login, Dapr's component would connect without TLS.
        raise InvalidSettings("PIZZASHOP_BROKER_URL asks for TLS and has no login: add user:password@")
    username, password = unquote(url.username or ""), unquote(url.password or "")
    brokers = ",".join(f"{bracket_ipv6(host)}:{port}" for host, port in addresses)
    if settings.broker == "rabbitmq":
        login = f"{quote(username or 'guest', safe='')}:{quote(password or 'guest', safe='')}"
        query = f"?{url.query}" if url.query else ""
        return {"PIZZASHOP_BROKER_URL": f"{url.scheme}://{login}@{brokers}{url.path}{query}"}
    return {
        "PIZZASHOP_KAFKA_BROKERS": brokers,
        "PIZZASHOP_KAFKA_AUTH": "password" if username else "none",
        "PIZZASHOP_KAFKA_USERNAME": username,
        "PIZZASHOP_KAFKA_PASSWORD": password,
        "PIZZASHOP_KAFKA_DISABLE_TLS": str(url.scheme == "kafka").lower(),
    }


def _require_client(module: str, extra: str) -> None:
    if find_spec(module) is None:
        raise LocalError(f"The check of the broker needs a client: run `pip install -e '.[{extra}]'`.")


def _rabbitmq(values: Mapping[str, str], has_secret: bool) -> RabbitMQ:
    url = urlsplit(_checked(values.get("connectionString") or f"amqp://{values.get('hostname') or 'localhost'}"))
    default_port = _DEFAULT_PORTS.get(url.scheme, 0)
    has_tls = url.scheme == "amqps" or values.get("protocol") == "amqps"
    return RabbitMQ(
        _addresses(url.netloc.rpartition("@")[2], default_port),
        is_checkable=not has_secret and not values.get("clientCert"),
        username=unquote(url.username or "") or values.get("username") or "guest",
        password=unquote(url.password or "") or values.get("password") or "guest",
        tls=_tls_context(values) if has_tls else None,
        vhost=unquote(url.path[1:]) or "/",
    )


def _kafka(values: Mapping[str, str], has_secret: bool) -> Kafka:
    kind = values.get("authType", "").lower()
    has_tls = kind != "none" and not is_true(values.get("disableTls", ""))
    mechanism = _SASL_MECHANISMS.get(values.get("saslMechanism", ""), "")
    is_known = kind == "none" or (kind == "password" and mechanism != "")
    return Kafka(
        _addresses(values.get("brokers", ""), 9092),
        is_checkable=is_known and not has_secret and not values.get("clientCert"),
        username=values.get("saslUsername", ""),
        password=values.get("saslPassword", ""),
        tls=_tls_context(values) if has_tls else None,
        mechanism=mechanism if kind == "password" else "",
    )


def _tls_context(values: Mapping[str, str]) -> ssl.SSLContext:
    """Return whom the component trusts: its own authority, or those of this machine. Raise ValueError on a bad one."""
    try:
        context = ssl.create_default_context(cadata=values.get("caCert") or None)
    except ssl.SSLError:
        raise ValueError("caCert is no certificate in PEM") from None
    if is_true(values.get("skipVerify", "")):
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _find_cluster_fault(members: list[dict[str, Any]]) -> Problem | None:
    """Check that the addresses which Kafka advertises are reachable: its clients use those, not the given ones."""
    if any(is_listening(each["port"], each["host"]) for each in members):
        return None
    named = ", ".join(f"{each['host']}:{each['port']}" for each in members) or "none"
    return Problem(f"it advertises {named}, where nothing listens", "set advertised.listeners in its configuration")


def _addresses(text: str, default_port: int) -> tuple[Address, ...]:
    """Parse `host:port,host:port`; raise ValueError if a part is no address."""
    parts = [urlsplit(f"//{part.strip()}") for part in text.split(",")]
    if not all(part.hostname for part in parts):
        raise ValueError("an address has no host")
    return tuple((str(part.hostname), part.port or default_port) for part in parts)


def _checked(url: str) -> str:
    if _BAD_ESCAPE.search(url) or any(character.isspace() for character in url):
        raise ValueError("a URL with a space or a bare percent sign")
    return url


@contextmanager
def _muted(logger_name: str) -> Iterator[None]:
    """Show no log lines of a library within the block: its error is reported in one sentence."""
    logger, handler = logging.getLogger(logger_name), logging.NullHandler()
    propagates, logger.propagate = logger.propagate, False
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagates
