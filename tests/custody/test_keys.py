from __future__ import annotations

import pickle
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.custody import Signer, create_key, keyring_store, load
from app.faults import SigningLocked, Usage
from tests.tools import need


def test_a_key_in_a_file(tmp_path: Path) -> None:
    signer = create_key(tmp_path, "file")
    path = tmp_path / f"{signer.keyid}.pem"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
    again = load(tmp_path, signer.keyid, "file")
    assert again.public == signer.public
    assert again.sign(b"x") == signer.sign(b"x")
    assert len(signer.fingerprint) == 64 and signer.fingerprint.startswith(signer.keyid)


def test_a_key_under_a_passphrase(tmp_path: Path) -> None:
    openssl = need("openssl", "openssl")
    signer = create_key(tmp_path, "passphrase", "correct horse")
    assert load(tmp_path, signer.keyid, "passphrase", "correct horse").public == signer.public
    for wrong in (None, "", "battery staple"):
        with pytest.raises(SigningLocked):
            load(tmp_path, signer.keyid, "passphrase", wrong)
    path = tmp_path / f"{signer.keyid}.pem"
    run = [openssl, "pkey", "-in", str(path), "-passin", "stdin", "-pubout"]
    assert subprocess.run(run, input=b"correct horse\n", capture_output=True, check=True).stdout == signer.pem
    described = subprocess.run([openssl, "asn1parse", "-in", str(path)], capture_output=True, check=True).stdout
    assert b"PBES2" in described and b":0927C0" in described  # 600,000 rounds
    with pytest.raises(Usage):
        create_key(tmp_path, "passphrase")


def test_keys_that_are_not_kept_as_they_should_be(tmp_path: Path) -> None:
    signer = create_key(tmp_path, "file")
    path = tmp_path / f"{signer.keyid}.pem"
    with pytest.raises(Usage):
        load(tmp_path, signer.keyid, "passphrase", "x")
    with pytest.raises(Usage):
        load(tmp_path, signer.keyid, "plain")
    with pytest.raises(Usage):
        create_key(tmp_path, "plain")
    path.chmod(0o640)
    with pytest.raises(Usage, match="read by others"):
        load(tmp_path, signer.keyid, "file")
    path.chmod(0o600)
    other = create_key(tmp_path, "file")
    path.write_bytes((tmp_path / f"{other.keyid}.pem").read_bytes())
    with pytest.raises(SigningLocked, match=other.keyid):
        load(tmp_path, signer.keyid, "file")
    path.write_bytes(b"garbage")
    with pytest.raises(SigningLocked):
        load(tmp_path, signer.keyid, "file")
    path.unlink()
    with pytest.raises(SigningLocked, match="not on this machine"):
        load(tmp_path, signer.keyid, "file")
    path.symlink_to(tmp_path / f"{other.keyid}.pem")
    with pytest.raises(SigningLocked):
        load(tmp_path, signer.keyid, "file")


def test_a_signer_tells_nothing() -> None:
    signer = Signer.generate()
    assert repr(signer) == f"Signer({signer.keyid})"
    with pytest.raises(TypeError):
        pickle.dumps(signer)


class Box:
    """A keyring that works."""

    kept: dict[tuple[str, str], str]

    def __init__(self) -> None:
        self.kept = {}

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def delete_password(self, service: str, username: str) -> None:
        del self.kept[service, username]


class Forgetful(Box):
    def set_password(self, service: str, username: str, password: str) -> None:
        return None

    def delete_password(self, service: str, username: str) -> None:
        return None


class Locked(Box):
    def set_password(self, service: str, username: str, password: str) -> None:
        raise RuntimeError("the collection is locked")


class Silent(Box):
    """Waits for a person who never comes."""

    ended = threading.Event()

    def set_password(self, service: str, username: str, password: str) -> None:
        self.ended.wait(30)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(keyring_store, "PROBE_SECONDS", 0.05)
    yield
    Silent.ended.set()


def test_only_a_keyring_that_keeps_what_it_is_given(impatient: None) -> None:
    box = Box()
    order: list[Callable[[], Box]] = [Forgetful, Locked, Silent, lambda: box]
    assert keyring_store.working(order) is box
    assert box.kept == {}
    with pytest.raises(Usage) as refused:
        keyring_store.working(order[:3])
    for name in ("Forgetful", "Locked", "Silent", "did not answer"):
        assert name in refused.value.message
    with pytest.raises(Usage, match="none is installed"):
        keyring_store.working([])


def test_a_key_whose_passphrase_a_keyring_keeps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    box = Box()
    monkeypatch.setattr(keyring_store, "allowed", lambda: [lambda: box])
    signer = create_key(tmp_path, "keyring")
    assert load(tmp_path, signer.keyid, "keyring").public == signer.public
    secret = box.kept[keyring_store.SERVICE, signer.keyid]
    assert secret not in (tmp_path / f"{signer.keyid}.pem").read_text()
    assert b"ENCRYPTED" in (tmp_path / f"{signer.keyid}.pem").read_bytes()
    box.kept.clear()
    with pytest.raises(SigningLocked, match="holds no secret"):
        load(tmp_path, signer.keyid, "keyring")
    monkeypatch.setattr(keyring_store, "allowed", lambda: [Locked])
    with pytest.raises(SigningLocked):
        load(tmp_path, signer.keyid, "keyring")


def test_no_keyring_on_a_bare_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", f"unix:path={tmp_path}/none")
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    with pytest.raises(Usage, match="no keyring that keeps secrets encrypted"):
        create_key(tmp_path, "keyring")
    assert list(tmp_path.iterdir()) == []
