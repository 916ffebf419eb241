"""Every block of the pages says what it is, every command block is run by a test, and no exception is out of date."""

import re
from pathlib import Path

import pytest
from blocks import ASSUMED, COSTS, LANGUAGES, NOT_HERE, PAGES, PROGRAMS, blocks_of
from support import ROOT
from test_docs_site import PAGES as ALL_PAGES
from test_docs_site import name

ALL = [block for page in PAGES for block in blocks_of(page)]
COMMANDS = [(block, command) for block in ALL if block.language == "bash" for command in block.commands]


@pytest.mark.parametrize("page", ALL_PAGES, ids=name)
def test_a_block_says_what_it_is_and_a_command_is_in_a_bash_block(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    fences = re.findall(r"^ *(?:```|~~~)", text, re.M)
    blocks = list(blocks_of(page))
    assert len(fences) == 2 * len(blocks), f"{name(page)}: a fence is not closed"
    for block in blocks:
        assert block.language in LANGUAGES, f"{block}: ```{block.language}"
        if block.language != "bash":
            assert not [line for line in block.text.splitlines() if PROGRAMS.match(line)], f"{block}: a bash block"
    outside = re.sub(r"^( *)(```+|~~~+).*?^\1\2 *$", "", text, flags=re.M | re.S)
    indented = [line for line in outside.splitlines() if line.startswith("    ") and PROGRAMS.match(line.strip())]
    assert not indented, f"{name(page)}: a block by indentation cannot say what it is: {indented}"


def test_there_are_commands_to_run() -> None:
    assert len(COMMANDS) > 45


@pytest.mark.parametrize("page", ["", *COSTS])
def test_what_is_cut_short_is_there(page: str) -> None:
    assert not page or (ROOT / page).is_file()
    patterns = COSTS[page]
    for pattern in patterns:
        assert any(re.search(pattern, command) for block, command in COMMANDS if page in ("", block.page)), pattern


def test_what_cannot_run_is_a_command_of_a_page_and_has_a_reason() -> None:
    assert set(NOT_HERE) <= {command for _, command in COMMANDS}
    assert all(NOT_HERE.values())


def test_what_a_page_assumes_is_on_one_other() -> None:
    for page, (other, text) in ASSUMED.items():
        assert any(block.page == page for block in ALL)
        assert len([block for block in ALL if block.page == other and text in block.text]) == 1


def test_a_command_can_be_pasted() -> None:
    """No word in capitals stands for something else: DIR, NAME, FILE."""
    assert [f"{block}: {command}" for block, command in COMMANDS if re.search(r"\b(DIR|NAME|FILE)\b", command)] == []
