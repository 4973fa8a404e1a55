"""What every test runs under."""

import signal

from hypothesis import settings

# The same examples every time, and no judgement on the machine's speed.
settings.register_profile("steady", deadline=None, derandomize=True)
settings.load_profile("steady")

# What runs in the background may be deaf to ctrl+c, what runs under nohup to a hang-up, and the programs under test
# would inherit that.
for number in (signal.SIGINT, getattr(signal, "SIGHUP", signal.SIGINT)):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, signal.default_int_handler)
