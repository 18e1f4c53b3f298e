"""Work for many tenants in processes of their own: what fails, or is killed, is told and stops nobody else."""

from __future__ import annotations

import os

from orchestration.ml.parallel import Answer, Workers


def halved(number: int) -> int:
    if number % 2:
        raise ValueError(f"{number} is odd\nand this line is of no interest")
    return number // 2


def killed(number: int) -> int:
    if number == 3:
        os._exit(9)
    return number


def test_an_error_is_told_in_one_line_and_the_others_are_answered() -> None:
    answers = dict(Workers(0).each(halved, [("even", 4), ("odd", 3), ("other", 8)]))
    assert answers == {"even": Answer(2), "odd": Answer(None, "ValueError: 3 is odd"), "other": Answer(4)}


def test_a_killed_process_costs_only_its_own_tenant() -> None:
    with Workers(2) as workers:
        answers = dict(workers.each(killed, [(str(number), number) for number in range(6)]))
    assert {name: answer.made for name, answer in answers.items() if answer.made is not None} == {
        "0": 0, "1": 1, "2": 2, "4": 4, "5": 5,
    }  # fmt: skip
    assert "killed" in answers["3"].error
