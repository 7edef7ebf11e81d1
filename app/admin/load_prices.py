"""Use case: put a new version of the prices above the old ones."""

import orjson

from app.admin.context import AdminContext
from app.audit.trail import Change
from app.billing.price_file import parse_rules, rule_items, write_rules
from app.billing.repository import PriceRepository
from app.storage.postgres import Row


async def load_prices(admin: AdminContext, actor: str, rules_json: str) -> int:
    """Adds a version, with a row in the audit trail, and returns its number.

    Every process uses it within five seconds; jobs that are recorded already keep the price they have.

    Raises:
        InvalidInput: the rules cannot be read; nothing was added.
        StorageUnavailable: nothing was added.
    """
    rules = parse_rules(rules_json)
    prices = PriceRepository(admin.database)
    async with admin.database.transaction() as transaction:
        version = await prices.add_version(transaction, write_rules(rules))
        replaced = await prices.version_before(transaction, version)
        change = Change(
            actor=actor,
            action="prices.load",
            subject_id="prices",
            before=None if replaced is None else _shown(replaced),
            after={"version": version, "rules": rule_items(rules)},
        )
        await admin.trail.append(transaction, change)
    return version


def _shown(replaced: Row) -> dict[str, object]:
    """The version that was replaced; one that nobody can read is shown as the text that it is."""
    try:
        rules = orjson.loads(replaced["rules"])
    except orjson.JSONDecodeError:
        rules = replaced["rules"]
    return {"version": replaced["id"], "rules": rules}
