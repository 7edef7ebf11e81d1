"""What the tests of the playground do again and again."""

from typing import Any

from app.console.playground import PATH
from tests.support.visitor import Visitor

NEWEST = "#cards .job"


def generate(member: Visitor, prompt: str) -> str:
    """Sends a prompt by the button; the id of the job, once its card is there."""
    member.fill("#f-prompt", prompt)
    before = member.tab.run(f"document.querySelector('{NEWEST}')?.dataset.job ?? ''")
    member.click("#generate")
    expression = f"(document.querySelector('{NEWEST}')?.dataset.job ?? '') !== '{before}'"
    member.until(expression)
    return str(member.tab.run(f"document.querySelector('{NEWEST}').dataset.job"))


def card(job_id: str) -> str:
    """Where a job's card is."""
    return f"#cards [data-job='{job_id}']"


def wait_for(member: Visitor, job_id: str, state: str) -> None:
    """Until the card says this state."""
    member.until(f"document.querySelector(\"{card(job_id)} [data-state]\").textContent === '{state}'")


def sample(member: Visitor, name: str) -> str:
    """The text of a sample, once its tab was chosen."""
    member.click(f"#tab-{name}")
    return str(member.tab.run(f"document.getElementById('sample-{name}').textContent"))


def value(member: Visitor, selector: str) -> Any:
    """What stands in a field."""
    return member.tab.run(f"document.querySelector('{selector}').value")


def open_form(member: Visitor, model: str) -> None:
    """Goes to the form of a model."""
    member.open(f"{PATH}?model={model}")
