"""Accounts that get another name: noticed by their key, refused until their rows follow.

An account's name stands in every row it fetched. A new name in the config alone would start a second
faction beside the first, so it is refused until ``torn-pipeline rename-account`` has renamed the rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torn_pipeline.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from torn_pipeline.steps.context import Pipeline

__all__ = ["refuse_renamed", "rename_account"]


def refuse_renamed(pipeline: Pipeline, endpoint: str, account: str) -> None:
    """Refuse an account that has fetched nothing yet, but asks with the key of one that the config no longer has.

    Raises:
        ConfigError: naming the command that renames the rows.
    """
    landed = pipeline.landing.accounts(endpoint)
    if account in landed:
        return
    configured = {known.name for known in pipeline.config.accounts}
    for former in sorted(landed - configured):
        latest = pipeline.landing.latest(endpoint, former)
        if latest is not None and latest.key_id and latest.key_id == pipeline.settings.key_id(account):
            message = (
                f"{pipeline.config.where('accounts', account)}: the account {account!r} asks with the key that {former!r} asked with: "
                f"if it got another name, run `torn-pipeline rename-account {former} {account}`, or else call it {former!r} again"
            )
            raise ConfigError(message)


def rename_account(pipeline: Pipeline, old: str, new: str) -> int:
    """Let the rows of an account follow its new name, in the warehouse and in the landing; the number of rows.

    Run again after a crash it finishes what was left.

    Raises:
        UsageError: when the config does not have the new name, or still has the old one.
        WarehouseError: when both names have rows.
    """
    configured = {known.name for known in pipeline.config.accounts}
    if old in configured or new not in configured:
        message = f"give the account its new name in {pipeline.settings.config} first: it must have {new!r} and no longer {old!r}"
        raise UsageError(message)
    renamed = pipeline.warehouse.rename_account(old, new)
    pipeline.landing.rename_account(old, new)
    return renamed
