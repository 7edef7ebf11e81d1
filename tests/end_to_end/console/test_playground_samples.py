"""The request as code: each sample is taken from the page, with everything that might break it, and run."""

import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from app.console.playground import PATH
from tests.end_to_end.console.playground import sample
from tests.support.caller import Caller
from tests.support.gateway import Gateway
from tests.support.node import NODE, installed_packages
from tests.support.programs import run_program
from tests.support.visitor import Visitor

# One browser for all pages.
pytestmark = pytest.mark.xdist_group("pages")

END_TO_END = Path(__file__).parents[1]
PACKAGES = END_TO_END / "clients" / "package-lock.json"
HOSTILE = (
    "it's \"quoted\" `whoami` $(id) $FLUXGATE_KEY ${HOME} \\ \\n \\u0041 %s {x} !! # 'JSON'\n"
    "JSON\n\t</script><!-- -->\u202eright to left\u2028line\u0085\x7f \U0001f63a é \x01 '''  \"\"\" f'{1}' *"
)
INPUT = {
    "image_size": {"width": 64, "height": 64},
    "num_inference_steps": 28,
    "guidance_scale": 3.5,
    "num_images": 1,
    "enable_safety_checker": True,
    "output_format": "jpeg",
    "acceleration": "regular",
    "seed": 2**63 - 1,
    "note": [None, False, 1.5e300, {"it's": [], "__proto__": {}}],
}
# Which parts of QuickRouter's samples stand for the key there, and what is here in their place.
KEYS = {
    "curl": ("'Authorization: Bearer YOUR_API_KEY'", '"Authorization: Bearer $FLUXGATE_KEY"'),
    "fetch": ('"Bearer YOUR_API_KEY"', '"Bearer " + process.env.FLUXGATE_KEY'),
    "http-client": ("'Bearer YOUR_API_KEY'", "'Bearer ' + os.environ['FLUXGATE_KEY']"),
}

Run = Callable[[str, str], str]


@pytest.fixture
def run(page_caller: Caller, tmp_path: Path) -> Run:
    """Runs a sample, and gives what it prints."""
    (tmp_path / "node_modules").symlink_to(installed_packages(PACKAGES))

    def run_sample(name: str, text: str) -> str:
        ending = {"fal-js": "mjs", "fetch": "js", "curl": "sh"}.get(name, "py")
        program = tmp_path / f"sample.{ending}"
        program.write_text(text)
        command = {".mjs": NODE, ".js": NODE, ".sh": "sh", ".py": sys.executable}[program.suffix]
        return run_program(command, program, variables={"FLUXGATE_KEY": page_caller.key}, directory=tmp_path)

    return run_sample


@pytest.mark.parametrize("name", ["curl", "fetch", "fal-js", "http-client", "httpx", "fal-python"])
def test_each_sample_sends_what_the_form_says(
    member: Visitor, page_gateway: Gateway, run: Run, prompt: str, name: str
) -> None:
    if name == "curl" and shutil.which("curl") is None:
        pytest.skip("curl is not on this machine: its sample was NOT run")
    write_request(member, f"{prompt} {HOSTILE}")
    text = sample(member, name)
    assert not re.search("[\u202e\u2028\x7f\x85]", text), "what cannot be seen is written as an escape"
    printed = run(name, text)
    assert "request_id" in printed or printed.startswith("http")
    found = "SELECT input FROM job_inputs WHERE starts_with(prompt, $1)"
    [row] = page_gateway.database.rows(found, prompt)
    assert orjson.loads(row["input"]) == {"prompt": f"{prompt} {HOSTILE}", **INPUT}


def write_request(member: Visitor, prompt: str) -> None:
    """Fills the form in."""
    member.open(PATH)
    member.fill("#f-prompt", prompt)
    member.fill("#f-seed", str(INPUT["seed"]))
    member.fill("#f-image_size", "custom")
    member.fill("[data-width]", "64")
    member.fill("[data-height]", "64")
    member.fill("#more", orjson.dumps({"note": INPUT["note"]}).decode())


def test_a_prompt_that_is_too_long_for_an_argument_is_piped(
    member: Visitor, page_gateway: Gateway, run: Run, prompt: str
) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not on this machine: its sample was NOT run")
    member.open(PATH)
    long = f"{prompt} {'€' * 49_000}"
    member.fill("#f-prompt", long)
    assert "request_id" in run("curl", sample(member, "curl"))
    [row] = page_gateway.database.rows("SELECT prompt FROM job_inputs WHERE starts_with(prompt, $1)", prompt)
    assert row["prompt"] == long
    member.open(PATH)
    member.until("document.querySelector('#history li') !== null")
    assert len(member.text("#history [data-prompt]")) < 400


@pytest.mark.parametrize("name", [*KEYS])
def test_an_untouched_form_shows_the_samples_of_the_quickrouter_page(
    member: Visitor, page_gateway: Gateway, name: str
) -> None:
    member.open(PATH)
    page = (END_TO_END / "samples" / f"{name.replace('-', '_')}.txt").read_text().strip()
    host = page_gateway.address.removeprefix("http://")
    page = page.replace("https://api.quickrouter.ai", page_gateway.address).replace(*KEYS[name])
    page = page.replace('HTTPSConnection("api.quickrouter.ai")', f'HTTPConnection("{host}")')
    if name == "http-client":
        page = page.replace("import json\n", "import json\nimport os\n")
    assert sample(member, name) == page


def test_the_samples_follow_what_is_typed(member: Visitor) -> None:
    member.open(PATH)
    member.click("#tab-http-client")
    member.fill("#f-prompt", "a fox")
    member.click("#f-sync_mode")
    shown = member.text("#sample-http-client")
    assert '"prompt": "a fox"' in shown
    assert '"sync_mode": True' in shown
