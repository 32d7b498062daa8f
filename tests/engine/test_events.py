"""Events: from worker threads to whoever listens."""

import logging
import threading

import pytest

from pipeline.engine.events import StepEvent, emit, subscribe


def event(task: str = "convert:toy") -> StepEvent:
    return StepEvent(task=task, model="toy", status="ok")


def test_every_listener_hears_an_event_until_it_leaves() -> None:
    first: list[StepEvent] = []
    second: list[StepEvent] = []
    leave_first, leave_second = subscribe(first.append), subscribe(second.append)

    emit(event())
    leave_first()
    emit(event())
    leave_second()
    emit(event())

    assert (len(first), len(second)) == (1, 2)


def test_one_function_listening_twice_leaves_once() -> None:
    heard: list[StepEvent] = []
    listener = heard.append
    leave, leave_again = subscribe(listener), subscribe(listener)
    leave()
    leave()
    emit(event())
    leave_again()

    assert len(heard) == 1


def test_a_listener_that_raises_breaks_neither_the_step_nor_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(_event: StepEvent) -> None:
        raise RuntimeError("a bug in a reporter")

    heard: list[StepEvent] = []
    leave_failing, leave = subscribe(fail), subscribe(heard.append)
    with caplog.at_level(logging.ERROR):
        emit(event())
    leave_failing()
    leave()

    assert len(heard) == 1
    assert "a bug in a reporter" in caplog.text


def test_no_event_of_many_threads_is_lost() -> None:
    heard: list[StepEvent] = []
    leave = subscribe(heard.append)

    def emit_many() -> None:
        for _ in range(200):
            emit(event())

    threads = [threading.Thread(target=emit_many) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    leave()

    assert len(heard) == 1600
