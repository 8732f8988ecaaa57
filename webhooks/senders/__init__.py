"""Senders: what each registry program writes into its notifications."""

from webhooks.senders.distribution import Notification, parse_notification

__all__ = ["Notification", "parse_notification"]
