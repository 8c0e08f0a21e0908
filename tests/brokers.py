"""Real brokers on free ports: RabbitMQ and Kafka, each with what a test asks of its topic."""

import os
import shutil
import signal
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Self
from uuid import uuid4

import kafka
import pika
from free_ports import free_ports
from kafka.errors import KafkaError
from own_certificates import Certificates

from pizzashop.local.brokers import component_environment
from pizzashop.local.ports import HOST, is_listening
from pizzashop.local.processes import Process, process_trees, wait_until_ready
from pizzashop.local.shutdown import Shutdown
from pizzashop.roles import ORDER, TOPIC
from pizzashop.settings import Settings

USER, PASSWORD = "shop", "pa:ss/w@rd of ours"
_START_SECONDS = 120.0


class Broker(ABC):
    """A broker that a test can kill, freeze and start again. Role `order` has subscribed to its topic."""

    name: str

    def __init__(self, process: Process) -> None:
        self._process = process

    @property
    @abstractmethod
    def url(self) -> str:
        """The value of PIZZASHOP_BROKER_URL."""

    @abstractmethod
    def publish(self, events: Iterable[bytes]) -> None:
        """Publish events as another program may, without a sidecar."""

    @abstractmethod
    def count_unacknowledged(self) -> int:
        """Count the events that role `order` has not acknowledged."""

    @property
    def env(self) -> dict[str, str]:
        """The variables that its component reads."""
        return component_environment(Settings.model_validate({"broker": self.name, "broker_url": self.url}))

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        self._process.start()
        wait_until_ready([self._process], _START_SECONDS, Shutdown())

    def kill(self) -> None:
        """Kill it and its descendants."""
        self._process.stop(0)

    def freeze(self) -> None:
        """Suspend it: its connections stay open without any answer."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Continue it."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        for process in process_trees([self._process.pid]):
            process.send_signal(number)


class RabbitMQ(Broker):
    """A RabbitMQ node with an own epmd, which keeps its messages in `directory`."""

    name = "rabbitmq"

    @classmethod
    def why_missing(cls) -> str:
        """Return why the server cannot be started here; empty if it can."""
        return "" if _rabbitmq_home() else "there is no RabbitMQ: apt install rabbitmq-server"

    @classmethod
    @contextmanager
    def running(cls, directory: Path, tls: Certificates | None = None) -> Iterator[Self]:
        """Run a node within the block. With certificates, it accepts connections by TLS alone."""
        home = _rabbitmq_home()
        assert home, cls.why_missing()
        port, distribution_port, epmd_port = free_ports(3)
        directory.mkdir(parents=True)
        config = directory / "rabbitmq.conf"
        lines = [f"default_user = {USER}", f"default_pass = {PASSWORD}", "log.console = true"]
        if tls:
            lines += ["listeners.tcp = none", f"listeners.ssl.1 = {HOST}:{port}"]
            lines += [f"ssl_options.certfile = {tls.certificate}", f"ssl_options.keyfile = {tls.key}"]
        else:
            lines += [f"listeners.tcp.1 = {HOST}:{port}"]
        config.write_text("".join(f"{line}\n" for line in lines))
        env = {
            **os.environ,
            "HOME": str(directory),
            "ERL_EPMD_PORT": str(epmd_port),
            "ERL_EPMD_ADDRESS": HOST,
            "RABBITMQ_NODENAME": f"test-{port}@localhost",
            "RABBITMQ_DIST_PORT": str(distribution_port),
            "RABBITMQ_CONFIG_FILE": str(config),
            "RABBITMQ_CONF_ENV_FILE": os.devnull,
            "RABBITMQ_MNESIA_BASE": str(directory / "data"),
            "RABBITMQ_LOG_BASE": str(directory),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(directory / "plugins"),
        }
        epmd = Process(
            "epmd",
            [shutil.which("epmd") or "epmd", "-port", str(epmd_port), "-address", HOST],
            directory / "epmd.log",
            env,
            is_ready=lambda: is_listening(epmd_port),
        )
        node = Process(
            "rabbitmq",
            [str(home / "rabbitmq-server")],
            directory / "rabbitmq.log",
            env,
            directory,
            is_ready=lambda: is_listening(port),
        )
        with ExitStack() as stack:
            for process in (epmd, node):
                stack.callback(process.stop, 0)
                process.start()
                wait_until_ready([process], _START_SECONDS, Shutdown())
            yield cls(node, home, env, port, "amqps" if tls else "amqp")

    def __init__(self, process: Process, home: Path, env: Mapping[str, str], port: int, scheme: str) -> None:
        super().__init__(process)
        self._scheme = scheme
        self._home, self._env, self._port = home, env, port

    @property
    def url(self) -> str:
        return f"{self._scheme}://{USER}:pa%3Ass%2Fw%40rd%20of%20ours@{HOST}:{self._port}"

    def publish(self, events: Iterable[bytes]) -> None:
        with pika.BlockingConnection(pika.URLParameters(self.url)) as connection:
            channel = connection.channel()
            for event in events:
                channel.basic_publish(TOPIC, "", event)

    def count_unacknowledged(self) -> int:
        command = [str(self._home / "rabbitmqctl"), "-q", "list_queues", "name", "messages", "--no-table-headers"]
        listed = subprocess.run(command, env=self._env, capture_output=True, text=True, timeout=60, check=True).stdout
        return {name: int(count) for name, count in map(str.split, listed.splitlines())}[f"{ORDER.app_id}-{TOPIC}"]


class Kafka(Broker):
    """A Kafka server that is broker and controller, which keeps its topics in `directory`."""

    name = "kafka"

    @classmethod
    def why_missing(cls) -> str:
        """Return why the server cannot be started here; empty if it can."""
        if not shutil.which("java"):
            return "there is no Java for Kafka, which needs 17"
        return "" if _kafka_jars() else "there is no Kafka: set KAFKA_HOME, or install Maven and run `make build/kafka`"

    @classmethod
    @contextmanager
    def running(cls, directory: Path) -> Iterator[Self]:
        """Run a server within the block."""
        port, controller_port = free_ports(2)
        directory.mkdir(parents=True)
        config = directory / "server.properties"
        settings = {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@{HOST}:{controller_port}",
            "controller.listener.names": "CONTROLLER",
            "listeners": f"SASL_PLAINTEXT://{HOST}:{port},CONTROLLER://{HOST}:{controller_port}",
            "listener.security.protocol.map": "SASL_PLAINTEXT:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT",
            "inter.broker.listener.name": "SASL_PLAINTEXT",
            "sasl.enabled.mechanisms": "PLAIN",
            "sasl.mechanism.inter.broker.protocol": "PLAIN",
            "listener.name.sasl_plaintext.plain.sasl.jaas.config": (
                "org.apache.kafka.common.security.plain.PlainLoginModule required"
                f' username="{USER}" password="{PASSWORD}" user_{USER}="{PASSWORD}";'
            ),
            "log.dirs": str(directory / "data"),
            "num.partitions": "3",
            "offsets.topic.num.partitions": "1",
            "offsets.topic.replication.factor": "1",
            "group.initial.rebalance.delay.ms": "0",
        }
        config.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
        java = ["java", "-Xmx256m", "-XX:+UseSerialGC", "-cp", ":".join(map(str, _kafka_jars()))]
        format_storage = ["kafka.tools.StorageTool", "format", "-t", uuid4().hex[:22], "-c", str(config)]
        subprocess.run([*java, *format_storage], check=True, capture_output=True, timeout=60)
        server = Process(
            "kafka",
            [*java, "kafka.Kafka", str(config)],
            directory / "kafka.log",
            directory=directory,
            is_ready=lambda: _has_joined(broker),
        )
        broker = cls(server, port)
        with ExitStack() as stack:
            stack.callback(server.stop, 0)
            broker.start()
            yield broker

    def __init__(self, process: Process, port: int) -> None:
        super().__init__(process)
        self._port = port

    @property
    def url(self) -> str:
        return f"kafka://{USER}:pa%3Ass%2Fw%40rd%20of%20ours@{HOST}:{self._port}"

    @property
    def _connection(self) -> dict[str, object]:
        return {
            "bootstrap_servers": f"{HOST}:{self._port}",
            "security_protocol": "SASL_PLAINTEXT",
            "sasl_mechanism": "PLAIN",
            "sasl_plain_username": USER,
            "sasl_plain_password": PASSWORD,
        }

    def publish(self, events: Iterable[bytes]) -> None:
        with kafka.KafkaProducer(**self._connection) as producer:
            for event in events:
                producer.send(TOPIC, event)
            producer.flush()

    def count_unacknowledged(self) -> int:
        with kafka.KafkaConsumer(group_id=ORDER.app_id, enable_auto_commit=False, **self._connection) as consumer:
            partitions = [kafka.TopicPartition(TOPIC, each) for each in consumer.partitions_for_topic(TOPIC) or ()]
            ends = consumer.end_offsets(partitions)
            return sum(ends[each] - (consumer.committed(each) or 0) for each in partitions)


def _has_joined(broker: Kafka) -> bool:
    if not is_listening(broker._port):
        return False
    with suppress(KafkaError), kafka.KafkaAdminClient(**broker._connection) as admin:
        return bool(admin.describe_cluster()["brokers"])
    return False


def _rabbitmq_home() -> Path | None:
    """Return the directory of the server's own scripts: those in the PATH of Debian change the user."""
    found = sorted(Path("/usr/lib/rabbitmq/lib").glob("rabbitmq_server-*/sbin"))
    return found[-1] if found else None


def _kafka_jars() -> list[Path]:
    home = os.environ.get("KAFKA_HOME") or Path(__file__).parents[1] / "build/kafka"
    return sorted((Path(home) / "libs").glob("*.jar"))


BROKERS: tuple[type[RabbitMQ] | type[Kafka], ...] = (RabbitMQ, Kafka)
