"""Scenario packs: what is read, and what is refused by name and line."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.emulators.range import DEFAULT_SCENARIO
from providers.emulators.scenario import ScenarioError, load
from providers.emulators.scenario.positions import locate
from tests.emulators.packs import FORENSICS, instance, write_image, write_pack

HEAD = '[scenario]\nname = "t"\n[[aws.accounts]]\nid = "111111111111"\nname = "f"\nforensics = true\n'
BOX = HEAD + "[[aws.instances]]\naccount = '111111111111'\nname = 'a'\n"


def pack(folder: Path, text: str) -> Path:
    (folder / "scenario.toml").write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (HEAD + 'colour = "red"\n', 7, '"colour"'),
        ("[scenario]\nname = 't'\n\n# a remark\nspeeed = 3\n", 5, '"speeed"'),
        ("[scenery]\n", 1, '"scenery"'),
        ("x = 1\n", 1, '"x"'),
        ('[aws]\naccounts = []\n[scenario]\nname = "t"\n', 1, "lists no account"),
        (HEAD.replace("true", "false"), 3, "forensics account"),
        (HEAD.replace('"111111111111"', '"12"'), 4, '"id"'),
        (HEAD.replace('"111111111111"', "111111111111"), 4, '"id"'),
        (HEAD + "[[aws.accounts]]\nid = '111111111111'\nname = 'again'\n", 8, "twice"),
        (HEAD + "[[aws.instances]]\naccount = '999999999999'\nname = 'a'\n", 8, "999999999999"),
        (HEAD + "[[aws.instances]]\nname = 'a'\n", 7, '"account"'),
        (HEAD + "[[aws.instances]]\naccount = '111111111111'\nname = 'a'\nregion = 'Ireland'\n", 10, '"region"'),
        (
            HEAD + "[[aws.instances]]\naccount = '111111111111'\nname = 'a'\n  [[aws.instances.volumes]]\n"
            "  tree = 'disks/none'\n",
            11,
            "disks/none",
        ),
        (
            HEAD + "[[aws.instances]]\naccount = '111111111111'\nname = 'a'\n[[aws.instances.volumes]]\n"
            "[[aws.instances.volumes]]\n\nimage = 'no.raw'\n",
            13,
            "no.raw",
        ),
        (
            HEAD
            + "[[aws.instances]]\naccount = '111111111111'\nname = 'a'\n[[aws.instances.volumes]]\nkms = 'own'\n",
            11,
            '"kms"',
        ),
        (HEAD + "[faults]\nthrottle = 1.5\n", 8, '"throttle"'),
        (HEAD + "[faults]\ncorrupt_blocks = ['vol:x']\n", 8, '"corrupt_blocks"'),
        (HEAD + "[faults]\nlatency_ms = [9, 3]\n", 8, '"latency_ms"'),
        (HEAD + "[faults]\n\nthrottle_services = ['s3']\n", 9, "'s3'"),
        (HEAD + "[faults]\nfail_copies_at = 100\n", 8, '"fail_copies_at"'),
        (HEAD + "[faults]\nlose_snapshots_after_s = 'soon'\n", 8, '"lose_snapshots_after_s"'),
        (HEAD + "[faults]\ndisabled_keys = ['111111111111:eu-west-1:none']\n", 8, "eu-west-1:none"),
        (HEAD + "[faults]\ndisabled_keys = ['999999999999:eu-west-1:default']\n", 8, "999999999999"),
        (HEAD + "[faults]\nleft_accounts = ['legacy']\n", 8, "'legacy'"),
        (HEAD + "[faults]\nleft_accounts = ['999999999999']\n", 8, "999999999999"),
        (HEAD + "[faults]\nleft_accounts = ['111111111111']\n", 8, "the forensics account"),
        (HEAD + "evidence_key = 'yes'\n", 7, '"evidence_key"'),
        (BOX + "shutdown = 'halt'\n", 10, '"shutdown"'),
        (BOX + "spot = 1\n", 10, '"spot"'),
        (BOX + "profile = 'a b'\n", 10, '"profile"'),
        (BOX + "autoscaling_group = 'a:b'\n", 10, '"autoscaling_group"'),
        (BOX + f"user_data = '{'x' * 16385}'\n", 10, '"user_data"'),
        (BOX + "termination_protection = 'no'\n", 10, '"termination_protection"'),
        (BOX + "[[aws.instances.volumes]]\nkeep = 'yes'\n", 11, '"keep"'),
        (HEAD + '[[azure.subscriptions]]\nid = "s"\nname = "n"\nregion = "x"\n', 10, '"region"'),
        (HEAD + '[[gcp.projects]]\nid = "p"\n', 7, '"name"'),
        (HEAD.replace("[scenario]\n", '[scenario]\nsummary = """\na\nb"""\nspeed = "fast"\n'), 5, '"speed"'),
    ],
)
def test_a_wrong_pack_is_refused_by_name_and_line(tmp_path: Path, text: str, line: int, said: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        load(pack(tmp_path, text))
    assert caught.value.message.startswith(f"scenario.toml line {line}: ")
    assert said in caught.value.message
    assert caught.value.next


def test_broken_toml_is_refused_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="line 2"):
        load(pack(tmp_path, "[scenario]\nname = \n"))


def test_a_directory_without_a_scenario_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"scenario\.toml"):
        load(tmp_path)


def test_a_pack_of_ones_own_needs_little(tmp_path: Path) -> None:
    write_image(tmp_path / "odd.raw", {0: b"x"}, 2**30 + 700)
    text = f'account = "{FORENSICS}"\nname = "box"\n[[aws.instances.volumes]]\nimage = "odd.raw"\n'
    scenario = load(pack(tmp_path, HEAD + "[[aws.instances]]\n" + text))
    assert scenario.aws is not None
    one = scenario.aws.instances[0]
    assert (one.region, one.type, one.tags) == ("eu-west-1", "t3.medium", {})
    disk = one.volumes[0]
    assert (disk.size_gib, disk.tags, disk.kms, disk.image) == (2, {}, "none", (tmp_path / "odd.raw").resolve())
    assert scenario.tag == ("Forensics", "Enabled")


def test_an_image_larger_than_its_size_is_refused(tmp_path: Path) -> None:
    write_image(tmp_path / "odd.raw", {}, 2**30 + 1)
    disk = {"image": "odd.raw", "size_gib": 1}
    with pytest.raises(ScenarioError, match="size_gib"):
        load(write_pack(tmp_path, instances=[instance("a", disk, account=FORENSICS)]))


def test_deleted_files_must_be_in_the_tree(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "secret").write_text("outside")
    for name in ("missing", "../secret"):
        disk = {"tree": "tree", "deleted": [name]}
        with pytest.raises(ScenarioError, match="deleted"):
            load(write_pack(tmp_path, instances=[instance("a", disk, account=FORENSICS)]))


def test_the_tables_of_other_clouds_are_accepted(tmp_path: Path) -> None:
    text = HEAD + (
        '[[azure.subscriptions]]\nid = "s"\nname = "n"\nforensics = true\ntenant = "t"\n'
        '[[azure.vms]]\nsubscription = "s"\ngroup = "g"\nname = "v"\nlocation = "westeurope"\ntags = { a = "b" }\n'
        '[[azure.vms.disks]]\nsku = "Premium_LRS"\nnetwork_access = "DenyAll"\n'
        '[[gcp.projects]]\nid = "p"\nname = "n"\nforensics = false\n'
        '[[gcp.instances]]\nproject = "p"\nzone = "europe-west1-b"\nname = "i"\nlabels = { a = "b" }\n'
    )
    scenario = load(pack(tmp_path, text))
    assert scenario.azure is not None
    assert scenario.azure.vms[0].disks[0].sku == "Premium_LRS"
    assert scenario.gcp is not None
    assert scenario.gcp.instances[0].labels == {"a": "b"}


def test_the_shipped_scenario_is_what_the_demo_promises() -> None:
    scenario = load(DEFAULT_SCENARIO)
    assert scenario.aws is not None
    accounts = {account.id: account for account in scenario.aws.accounts}
    assert [account.name for account in scenario.aws.accounts if account.forensics] == ["forensics"]
    assert len(accounts) == 4
    assert {account.name for account in accounts.values() if not account.role} == {"legacy"}
    assert len(scenario.aws.instances) == 15
    # Every key situation, an instance with all that can be shared or not, and what may take one away.
    assert {disk.kms for one in scenario.aws.instances for disk in one.volumes} == {
        *("none", "default", "customer", "private")
    }
    app = next(one for one in scenario.aws.instances if one.name == "app-01")
    assert [disk.kms for disk in app.volumes] == ["customer", "default", "none"]
    assert (app.shutdown, [disk.keep for disk in app.volumes]) == ("terminate", [False, True, False])
    assert any(one.spot and one.autoscaling_group for one in scenario.aws.instances)
    assert any(one.termination_protection for one in scenario.aws.instances)
    assert all(one.profile and one.user_data for one in scenario.aws.instances if one.name in ("web-01", "app-01"))
    # Faults name disks by number: new ones are added after those that are known.
    disks = [(one.name, disk.device) for one in scenario.aws.instances for disk in one.volumes]
    assert disks.index(("web-01", "/dev/xvda")) == 0
    assert disks.index(("analysis-01", "/dev/xvda")) == 12
    eligible = [d.tags.get("Forensics") == "Enabled" for i in scenario.aws.instances for d in i.volumes]
    assert any(eligible)
    assert not all(eligible)
    tags = "".join(text for one in scenario.aws.instances for pair in one.tags.items() for text in pair)
    names = "".join(one.name for one in scenario.aws.instances)
    for hostile in ("\u009d52;c;", "[@click=", "\n"):
        assert hostile in tags
    for hostile in ("\x1b]52;c;", "\u202e"):
        assert hostile in names
    assert max(len(value) for one in scenario.aws.instances for value in one.tags.values()) >= 9000


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["plain", '"quoted.key"', "a.b", "' odd '"]),
            st.sampled_from(["1", '"x # y"', '"""\nlong\n"""', "[1,\n 2]", "'''\n[t]\n'''", '{ k = "}" }']),
            st.sampled_from(["", "# remark = 1", "\n"]),
        ),
        max_size=6,
    )
)
def test_keys_are_found_on_their_lines(items: list[tuple[str, str, str]]) -> None:
    text, expected = "", {}
    for number, (key, value, after) in enumerate(items):
        text += f"[[t]]\n{after}\n"
        expected[number] = text.count("\n") + 1
        text += f"{key} = {value}\n"
    positions = locate(text)
    for number, line in expected.items():
        found = [at for path, at in positions.items() if path[:2] == ("t", number) and len(path) > 2]
        assert found
        assert set(found) == {line}
