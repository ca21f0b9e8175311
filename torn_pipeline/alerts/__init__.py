"""Alerts: what happened, who hears of it, by which channel.

Here belongs what an incident is, when it begins and ends, the messages about it and how they are sent. Not here: how it is seen
that something is wrong (``steps``, ``automation``). ``ops``, ``steps``, ``cli`` and ``automation`` may import it.
"""

from torn_pipeline.alerts.alerts import Alerts, open_alerts
from torn_pipeline.alerts.message import Message, MessageKind
from torn_pipeline.alerts.observation import Kind, Observation, Severity
from torn_pipeline.alerts.reading import History, Incident, Telling, Thing

__all__ = [
    "Alerts",
    "History",
    "Incident",
    "Kind",
    "Message",
    "MessageKind",
    "Observation",
    "Severity",
    "Telling",
    "Thing",
    "open_alerts",
]
