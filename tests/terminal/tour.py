"""The demo's walkthrough, by keys alone: what the tour's test presses, and what the README's pictures show.

It reads the screen as a person does and presses what the rail names; nothing is asked of the product otherwise.
"""

from __future__ import annotations

from collections.abc import Callable

from tests.terminal.tmux import Terminal

Shot = Callable[[str, Terminal], None]
"""Called with the name of a moment and the terminal that shows it."""


def walk(open_demo: Callable[[], Terminal], shot: Shot) -> None:
    """The whole tour, from the offer to the end. ``open_demo`` opens the demo in a terminal, each time anew."""
    with open_demo() as screen:
        begin(screen)
        find(screen)
        be_refused(screen)
        read_the_plan(screen)
        shot("plan", screen)
        arm_and_approve(screen)
        screen.until("A-0001", "running")
        screen.keys("2", "3")
        present(screen, 7, "Lose the terminal")
        shot("workbench", screen)
        screen.keys("q")
        screen.until("EXIT=0", "comes back")
    with open_demo() as screen:
        screen.until_like(r"\u25b8 [89](/10)? ", ": command", seconds=60)
        screen.keys("3")
        screen.until("sealed", "E-0001", seconds=120)
        present(screen, 9, "Tamper with a copy")
        screen.keys(":")
        screen.write("tamper")
        screen.keys("Enter")
        screen.until("does not verify, and the verdict names line")
        shot("tampering", screen)
        back(screen)
        present(screen, 10, "Verify the original")
        screen.keys(":")
        screen.write("verify")
        screen.keys("Enter")
        screen.until("everything promised is proven", "Not proven")
        back(screen)
        screen.until("finished")
        screen.keys("q")
        screen.until("EXIT=0")


def present(screen: Terminal, number: int, title: str) -> None:
    """The rail, or the strip where there is no room for one, has come to that step."""
    screen.until_like(rf"\u25b8 {number}(/10)? +{title}")


def begin(screen: Terminal) -> None:
    """Take the offer, read the alert, and note who told of it."""
    screen.until("A five-minute tour", "t  begins", seconds=60)
    screen.keys("t")
    present(screen, 1, "The alert")
    screen.keys("n")
    screen.until("Who reported it")
    screen.write("The shop's owner, by telephone, 08:40")
    screen.keys("Enter")
    present(screen, 2, "Find the instance")


def back(screen: Terminal) -> None:
    """From a page to the workbench, whose last line names the command line."""
    screen.keys("Escape")
    screen.until(": command")


def rows(screen: Terminal, words: str) -> None:
    """Pane 2 with only the rows that hold the words, the cursor on the first."""
    screen.keys("2", "/")
    screen.write(words)
    screen.until(f"/{words}", "2 of")
    screen.keys("Enter", "Home")


def find(screen: Terminal) -> None:
    rows(screen, "web-01")
    screen.keys("Enter")
    screen.until("It carries the forensics tag")
    back(screen)
    present(screen, 3, "Be refused")


def be_refused(screen: Terminal) -> None:
    rows(screen, "web-02")
    screen.keys("Down", "a")
    screen.until("refused", "Nothing was changed")
    back(screen)
    present(screen, 4, "Read the plan")


def read_the_plan(screen: Terminal) -> None:
    rows(screen, "web-01")
    screen.keys("Down", "a")
    screen.until("ec2:CreateSnapshot", "READ-ONLY: w opens")


def arm_and_approve(screen: Terminal) -> None:
    screen.keys("w")
    screen.until("Open a write window")
    screen.write("the tour")
    screen.keys("Enter", "Enter")
    screen.until("ARMED")
    screen.until("[ Approve ]")
    screen.keys("Right", "Enter")
