"""Calls made at once, each in a thread of its own, with connections of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from bank.errors import BankError


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """Release all calls together and give their answers as they come.

    A refusal is an answer, by its name; any other failure fails the test.
    """
    gate, answers, failures = threading.Barrier(len(calls)), [], []

    def run(call: Callable[[], Any]) -> None:
        gate.wait()
        try:
            answers.append(call())
        except BankError as refusal:
            answers.append(type(refusal).__name__)
        except Exception as failure:  # noqa: BLE001 -- told to the test below
            failures.append(failure)

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    return answers
