"""The shop on PostgreSQL: `pizzashop up` starts it, or uses one of the user and says what is wrong with it."""

import signal
from pathlib import Path

import pytest
from own_certificates import Certificates
from own_postgresql import PASSWORD, embedded_postgresql, own_postgresql
from shop_client import ShopClient, eventually, stages
from up_process import OPEN, UpProcess

from pizzashop.domain.lifecycle import HAPPY_PATH


def test_an_order_survives_the_death_of_the_server_and_a_closing_of_the_shop(up: UpProcess, client: ShopClient) -> None:
    embedded_postgresql(up.state_dir / "postgresql")
    up.start("--store", "postgresql")
    up.read_until(OPEN)
    assert "embedded, " in next(line for line in up.output.splitlines() if "PostgreSQL" in line)
    first, second = client.place_order(), client.place_order()
    client.wait_for_status(first, "pending_validation")
    up.find("/postgres -D").kill()
    up.read_until("postgresql had ended: started again")
    # Until the server has recovered its data, the answer is 503.
    eventually(lambda: client.decide(first, approved=True)[0] == 200)
    assert stages(client.wait_for_status(first, "delivered")) == list(HAPPY_PATH)
    assert up.end(signal.SIGINT) == 0
    up.start("--store", "postgresql")
    up.read_until(OPEN)
    client.decide(second, approved=True)
    assert stages(client.wait_for_status(second, "delivered")) == list(HAPPY_PATH)
    assert client.record(first)["status"] == "delivered"
    assert up.end(signal.SIGINT) == 0


def test_the_shop_uses_a_server_of_the_user_and_shows_no_password(
    up: UpProcess, client: ShopClient, tmp_path: Path
) -> None:
    with own_postgresql(tmp_path / "own") as url:
        up.env |= {"PIZZASHOP_STORE": "postgresql", "PIZZASHOP_POSTGRES_URL": url}
        up.start()
        up.read_until(OPEN)
        order_id = client.place_order()
        client.decide(order_id, approved=True)
        client.wait_for_status(order_id, "delivered")
        command_lines = [word for each in up.descendants for word in each.cmdline()]
        assert up.end(signal.SIGINT) == 0
    files = [path.read_text(errors="replace") for path in up.state_dir.rglob("*") if path.is_file()]
    assert [text for text in (up.output, *command_lines, *files) if PASSWORD in text] == []
    assert not (up.state_dir / "postgresql/data").exists()


def test_the_shop_reaches_a_server_by_tls_and_checks_its_certificate(
    up: UpProcess, client: ShopClient, tmp_path: Path
) -> None:
    files, others = Certificates.create(tmp_path / "tls"), Certificates.create(tmp_path / "others")
    settings = {"ssl": "on", "ssl_cert_file": str(files.certificate), "ssl_key_file": str(files.key)}
    with own_postgresql(tmp_path / "own", **settings) as url:
        up.env |= {"PIZZASHOP_STORE": "postgresql"}
        up.env["PIZZASHOP_POSTGRES_URL"] = f"{url}?sslmode=verify-full&sslrootcert={others.authority}"
        up.start()
        assert up.end() == 1
        assert "certificate verify failed" in up.output
        up.env["PIZZASHOP_POSTGRES_URL"] = f"{url}?sslmode=verify-full&sslrootcert={files.authority}"
        up.start()
        up.read_until(OPEN)
        order_id = client.place_order()
        client.decide(order_id, approved=True)
        client.wait_for_status(order_id, "delivered")
        assert up.end(signal.SIGINT) == 0


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("postgresql://shop:wrong-password@127.0.0.1:1/shop", "port 1 failed: Connection refused"),
        ("127.0.0.1 wrong-password", "PIZZASHOP_POSTGRES_URL is not an address"),
    ],
)
def test_a_server_that_cannot_be_used_is_one_sentence_before_anything_starts(
    up: UpProcess, url: str, message: str
) -> None:
    up.env |= {"PIZZASHOP_STORE": "postgresql", "PIZZASHOP_POSTGRES_URL": url}
    up.start()
    assert up.end() == 1
    (line,) = [line for line in up.output.splitlines() if line.startswith("pizzashop: ")]
    assert message in line
    assert "wrong-password" not in up.output
    assert not (up.state_dir / "logs").exists()
