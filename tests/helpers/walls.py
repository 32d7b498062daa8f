"""Walls for tests of what stands behind them."""


def no_wall(*, trusted: bool) -> None:
    """Let a job do all that the test may, such as starting processes."""
    assert not trusted
