"""Senders: reading the notifications of each registry program."""

from webhooks.senders.distribution import Notification, parse_notification

__all__ = ["Notification", "parse_notification"]
