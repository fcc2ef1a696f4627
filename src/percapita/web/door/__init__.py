"""The door of the pages: who asks, and whether they may.

door.py     every request passes here                 limits.py   how often anybody may ask
signing.py  the pages of signing in and out           oidc.py     the identity provider
"""

from percapita.web.door.door import Caller, Door, cookie_name, form, name_of, secure

__all__ = ["Caller", "Door", "cookie_name", "form", "name_of", "secure"]
