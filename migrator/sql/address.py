"""
Addresses of databases: what is accepted, how it reaches the driver, and how it is shown. Pure.

Sources: SQLAlchemy's documentation of its mssql+pyodbc dialect; the keywords of Microsoft's ODBC driver and of FreeTDS.
"""

from __future__ import annotations

import re
import urllib.parse

from sqlalchemy import URL, exc, make_url

from migrator.errors import UsageError

_OF_DIALECT = ("driver", "authentication", "dsn", "port", "odbc_connect")
"""Keywords that the dialect knows in lower case only; the driver takes the others in any case."""
_LIBRARY = re.compile(r"[/\\][^/\\]+\.(?:so|dylib|dll)\b")
_DRIVER = re.compile(r"(^|;)\s*driver\s*=\s*(?:\{[^}]*\}|[^;]*)", re.IGNORECASE)


def parse_address(address: str) -> URL:
    """
    Return the SQLAlchemy URL of *address*, which is one or a bare ODBC connection string.

    Raises:
        UsageError: it is neither.
    """
    if "://" not in address and "=" in address:
        quoted = urllib.parse.quote_plus(address)
        return make_url(f"mssql+pyodbc:///?odbc_connect={quoted}")
    try:
        url = make_url(address)
    except (exc.ArgumentError, ValueError):
        raise UsageError(
            "the database address is neither a SQLAlchemy URL (mssql+pyodbc://..., sqlite:///path) "
            "nor an ODBC connection string (Driver=...;Server=...)"
        ) from None
    if url.get_backend_name() not in ("mssql", "sqlite"):
        raise UsageError(f"databases of kind {url.get_backend_name()} are not supported; use mssql+pyodbc or sqlite")
    return url.set(query={name.lower() if name.lower() in _OF_DIALECT else name: url.query[name] for name in url.query})


def with_driver(url: URL, driver: str | None) -> URL:
    """
    Return an address for the driver that is used, by name or by the path of its library (``None``: none was found).

    FreeTDS takes a port as a keyword of its own, Microsoft's driver only behind the server's name.
    """
    if driver is None or is_data_source(url):
        return url
    if "odbc_connect" in url.query:
        text, named = str(url.query["odbc_connect"]), f"DRIVER={{{driver}}}"
        if names_driver(text):
            text = _DRIVER.sub(lambda found: f"{found[1]}{named}", text, count=1)
        else:
            text = f"{named};{text}"
        return url.update_query_dict({"odbc_connect": text})
    url = url.update_query_dict({"driver": driver})
    port = url.query.get("port", url.port)
    if port is None:
        return url
    if is_freetds(driver):
        return url.set(port=None).update_query_dict({"port": str(port)})
    if not str(port).isdecimal():
        raise UsageError(f"the port {port!r} in the database address is no number")
    return url.difference_update_query(["port"]).set(port=int(str(port)))


def is_data_source(url: URL) -> bool:
    """
    Return whether an address is the name of a data source, which says by itself which driver it is for.
    """
    return "dsn" in url.query or bool(url.host and not url.database)


def is_freetds(driver: str) -> bool:
    """
    Return whether a driver's name or library is FreeTDS's.
    """
    return "tds" in driver.rpartition("/")[2].lower()


def names_driver(connection_string: str) -> bool:
    """
    Return whether an ODBC connection string says itself which driver it is for.
    """
    return re.search(r"(?:^|;)\s*(?:driver|dsn|filedsn)\s*=", connection_string, re.IGNORECASE) is not None


def shown(url: URL) -> str:
    """
    Return an address fit for logs and errors: no password, no connection string, no path of a driver's library.
    """
    if "odbc_connect" in url.query:
        parts = urllib.parse.unquote_plus(str(url.query["odbc_connect"])).split(";")
        # Only what is known to be harmless: a driver has more than one keyword for a password.
        kept = [p for p in parts if p.partition("=")[0].strip().lower() in ("server", "database", "driver")]
        return ";".join(part for part in kept if not _LIBRARY.search(part))
    if _LIBRARY.search(str(url.query.get("driver", ""))):
        url = url.difference_update_query(["driver"])
    return url.render_as_string(hide_password=True)
