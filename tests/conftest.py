"""What every test runs under."""

import signal

from hypothesis import settings

# The same examples every time, and no judgement on the machine's speed.
settings.register_profile("steady", deadline=None, derandomize=True)
settings.load_profile("steady")

# A shell starts what it runs in the background deaf to ctrl+c, and the programs under test would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
