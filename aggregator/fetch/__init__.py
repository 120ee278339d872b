"""Request -> Response | FetchError: one polite, bounded GET. Failures are values. The only door of httpx.

address    what goes on the request line, byte for byte
guard      which numbers may be connected
connect    names into numbers into connections
wire       one connection, one request, one answer
lenient    heads that are not quite HTTP
library    httpx without what nobody here uses
transport  httpx over that wire, through a proxy where there is one
client     the hops of one poll: validators, redirects, secrets, the deadline
decode     Content-Encoding under a cap
explain    what went wrong, in words
configured the client that feeds.yaml asks for
"""

from aggregator.fetch.address import site_of
from aggregator.fetch.client import Client
from aggregator.fetch.configured import client_for, user_agent
from aggregator.fetch.guard import Guard

__all__ = ["Client", "Guard", "client_for", "site_of", "user_agent"]
