"""The HTTP server: connections, request ids, the access log, and what a caller may ask for."""

from search_api.server.base_path import BasePath
from search_api.server.callers import CallerLimit, caller_of
from search_api.server.clients import client_of
from search_api.server.connections import Connection, Connections
from search_api.server.http import BACKLOG, HttpServer
from search_api.server.refusals import ConnectionEnd, Refusals, RequestRefusal
from search_api.server.requests import Requests
from search_api.server.routes import SECONDS, RouteCounts, RouteNotes
from search_api.server.traces import Traces

__all__ = [
    "BACKLOG",
    "SECONDS",
    "BasePath",
    "CallerLimit",
    "Connection",
    "ConnectionEnd",
    "Connections",
    "HttpServer",
    "Refusals",
    "RequestRefusal",
    "Requests",
    "RouteCounts",
    "RouteNotes",
    "Traces",
    "caller_of",
    "client_of",
]
