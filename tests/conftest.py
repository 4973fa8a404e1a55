"""What every test runs under."""

from hypothesis import settings

# The same examples every time, and no judgement on the machine's speed.
settings.register_profile("steady", deadline=None, derandomize=True)
settings.load_profile("steady")
