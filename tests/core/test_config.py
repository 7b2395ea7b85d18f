from __future__ import annotations

from pathlib import Path

import pytest

from app.config import AwsPrices, load
from app.faults import Usage

GOOD = """
[examiner]
id = "ex-07"
[aws]
forensics_account = "111111111111"
role = "jumpbag-collect"
regions = ["eu-west-1"]
[aws.endpoints]
sts = "https://127.0.0.1:4430"
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(text)
    return path


def test_a_good_configuration_reads(tmp_path: Path) -> None:
    config = load(written(tmp_path, GOOD))
    assert config.aws is not None
    assert config.aws.tag == "Forensics=Enabled"
    assert config.overridden() == ("aws 127.0.0.1",)


@pytest.mark.parametrize(
    ("text", "names", "fix"),
    [
        (GOOD + "[aws.endpoint]\n", "aws.endpoint", "endpoints"),
        (GOOD.replace("regions", "region"), "aws.region", "regions"),
        (GOOD + 'secret_access_key = "x"\n', "aws.endpoints.secret_access_key", "profile"),
        (GOOD + '[signing]\npassphrase = "x"\n', "signing.passphrase", "take it out"),
        (GOOD.replace('"111111111111"', '"1111"'), "'1111'", "12 digits"),
        (GOOD.replace('"111111111111"', "12"), "aws.forensics_account", "text in quotes"),
        (GOOD + '[signing]\nprotection = "none"\n', "signing.protection", '"keyring", "passphrase", "file"'),
        (GOOD + '[agent]\nworkers = "many"\n', "agent.workers", "a whole number"),
        (GOOD.replace('["eu-west-1"]', '["eu-west-1", 7]'), "aws.regions[1]", "text in quotes"),
        (GOOD + "[[aws.accounts]]\nname = 'x'\n", "aws.accounts[0]", "add the key id"),
        (GOOD.replace('["eu-west-1"]', '"eu-west-1"'), "aws.regions", "a list"),
        (GOOD.replace("https://127.0.0.1", "http://ec2.example.com"), "ec2.example.com", "https"),
        (GOOD.replace("https://127.0.0.1:4430", "https://a:b@127.0.0.1"), "aws.endpoints.sts", "credentials"),
        (GOOD + "[aws.endpoints\n", "line", "TOML"),
        (GOOD.replace('"ex-07"', '"ex 07"'), "examiner.id", "letters"),
        (GOOD.replace('"ex-07"', '"agent"'), "examiner.id", "not agent"),
        (GOOD.replace('"ex-07"', '"ex-07"\nroster = ["ex-11", "ex 12"]'), "examiner.roster[1]", "letters"),
        (GOOD.replace('"ex-07"', '"ex-07"\nroster = "ex-11"'), "examiner.roster", "a list"),
        (GOOD.replace("role =", 'tag = "Forensics"\nrole ='), "aws.tag", "Forensics=Enabled"),
        (GOOD + "[aws.prices]\nstore_gib_month = -0.05\n", "store_gib_month is -0.05", "from 0 to 1000"),
        (GOOD + "[aws.prices]\nread_1000_blocks = inf\n", "aws.prices.read_1000_blocks is inf", "from 0 to 1000"),
        (GOOD + "[aws.prices]\nread_1000_blocks = nan\n", "aws.prices.read_1000_blocks is nan", "from 0 to 1000"),
        (GOOD + "[aws.prices]\ncross_region_gib = 1001\n", "aws.prices.cross_region_gib", "from 0 to 1000"),
        (GOOD + '[aws.prices]\ncross_region_gib = "2"\n', "aws.prices.cross_region_gib", "a number, without"),
        (GOOD + "[aws.prices]\nstore_gib = 0.05\n", "aws.prices.store_gib", "store_gib_month"),
        (GOOD.replace("role =", "prices = 0.05\nrole ="), "aws.prices", "a table"),
    ],
)
def test_an_error_names_the_file_the_place_and_the_fix(tmp_path: Path, text: str, names: str, fix: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(Usage) as caught:
        load(path)
    assert str(path) in caught.value.message
    assert names in caught.value.message
    assert fix in caught.value.next


def test_a_roster_names_who_else_may_open_the_case(tmp_path: Path) -> None:
    examiner = load(written(tmp_path, GOOD.replace('"ex-07"', '"ex-07"\nroster = ["ex-11", "ex-07"]'))).examiner
    assert examiner.everyone == ("ex-07", "ex-11")
    assert examiner.check("ex-11") == "ex-11"
    with pytest.raises(Usage, match="'ex-12' is not an examiner of this case") as caught:
        examiner.check("ex-12")
    assert "ex-07, ex-11" in caught.value.next


def test_prices_that_are_left_out_are_the_listed_ones(tmp_path: Path) -> None:
    aws = load(written(tmp_path, GOOD + "[aws.prices]\nstore_gib_month = 0\ncross_region_gib = 1_000\n")).aws
    assert aws is not None
    assert aws.prices == AwsPrices(store_gib_month=0, cross_region_gib=1000)
    assert (aws.prices.read_1000_blocks, aws.prices.list_1000_requests) == (0.003, 0.0006)


def test_plain_http_is_fine_on_loopback_alone(tmp_path: Path) -> None:
    assert load(written(tmp_path, GOOD.replace("https://127.0.0.1", "http://127.0.0.1"))).aws is not None
    with pytest.raises(Usage):
        load(written(tmp_path, GOOD.replace("https://127.0.0.1", "http://10.0.0.1")))


def test_a_missing_file_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(Usage, match="no configuration at"):
        load(tmp_path / "none.toml")
