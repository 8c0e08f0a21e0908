"""The five roles of the shop, their addresses, and the names of the Dapr components that they share."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Role:
    """One role: its name for `--role`, its Dapr app-id, the port it listens on and the ports of its sidecar."""

    name: str
    app_id: str
    port: int
    dapr_http_port: int
    dapr_grpc_port: int


ORDER = Role("order", "pizza-order", 8001, 3501, 50011)
STOREFRONT = Role("storefront", "pizza-storefront", 8002, 3502, 50012)
KITCHEN = Role("kitchen", "pizza-kitchen", 8003, 3503, 50013)
DELIVERY = Role("delivery", "pizza-delivery", 8004, 3504, 50014)
WORKFLOW = Role("workflow", "pizza-workflow", 8005, 3505, 50015)

ROLES = (ORDER, STOREFRONT, KITCHEN, DELIVERY, WORKFLOW)
ROLE_BY_NAME = {role.name: role for role in ROLES}
APP_IDS = frozenset(role.app_id for role in ROLES)

STATE_STORE = "pizzastatestore"
PUBSUB = "pizzapubsub"
TOPIC = "orders"
