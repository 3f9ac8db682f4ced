"""Who acts in tests, for the audit trail."""

import os

from oddline.audit import Actor
from oddline.encryption import Cipher

ENCRYPTION_KEY = os.environ["ODDLINE_ENCRYPTION_KEYS"]
CIPHER = Cipher([ENCRYPTION_KEY])
TESTER = Actor(id="operator:tester", cipher=CIPHER, name="tester")
OTHER = Actor(id="operator:other", cipher=CIPHER, name="other")
