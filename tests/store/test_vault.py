import pytest

from ordersaga.store.errors import MasterKeyError
from ordersaga.store.vault import Sealed, Vault

OLD, NEW = bytes(range(32)), bytes(range(32, 64))
PLACE = b"default\0order\x001"
PAYLOAD = b'{"name":"Ada Lovelace"}' * 40


def test_what_was_sealed_opens_where_it_belongs() -> None:
    vault = Vault({"k1": OLD}, "k1")
    sealed = vault.seal(PAYLOAD, PLACE)
    assert vault.open(sealed, PLACE) == PAYLOAD
    assert len(sealed.data) < len(PAYLOAD)
    assert b"Ada" not in sealed.data + sealed.key


def test_the_same_value_never_looks_the_same() -> None:
    vault = Vault({"k1": OLD}, "k1")
    first, second = vault.seal(PAYLOAD, PLACE), vault.seal(PAYLOAD, PLACE)
    assert first.key != second.key
    assert first.data != second.data


@pytest.mark.parametrize("payload", [b"", b"{}", bytes(100_000)])
def test_any_size_comes_back(payload: bytes) -> None:
    vault = Vault({"k1": OLD}, "k1")
    assert vault.open(vault.seal(payload, PLACE), PLACE) == payload


def test_it_opens_nowhere_else() -> None:
    vault = Vault({"k1": OLD}, "k1")
    sealed, other = vault.seal(PAYLOAD, PLACE), vault.seal(b"other", PLACE)
    for moved, place in ((sealed, b"elsewhere"), (Sealed(other.key, sealed.data), PLACE)):
        with pytest.raises(MasterKeyError):
            vault.open(moved, place)


@pytest.mark.parametrize("position", [0, 1, 2, 10, 40, -1])
def test_a_changed_byte_is_seen(position: int) -> None:
    vault = Vault({"k1": OLD}, "k1")
    sealed = vault.seal(PAYLOAD, PLACE)
    for damaged in (
        Sealed(_changed(sealed.key, position), sealed.data),
        Sealed(sealed.key, _changed(sealed.data, position)),
    ):
        with pytest.raises(MasterKeyError):
            vault.open(damaged, PLACE)


@pytest.mark.parametrize(
    "sealed", [Sealed(b"", b""), Sealed(b"\x01", b"x"), Sealed(b"\x01\x02k1", b""), Sealed(b"\x02k", b"")]
)
def test_rubbish_is_refused(sealed: Sealed) -> None:
    with pytest.raises(MasterKeyError):
        Vault({"k1": OLD}, "k1").open(sealed, PLACE)


def test_keys_rotate_the_old_one_opens_and_the_new_one_seals() -> None:
    before = Vault({"k1": OLD}, "k1")
    after = Vault({"k1": OLD, "k2": NEW}, "k2")
    assert after.open(before.seal(PAYLOAD, PLACE), PLACE) == PAYLOAD
    with pytest.raises(MasterKeyError, match="needs the master key 'k2'; there are: k1"):
        before.open(after.seal(PAYLOAD, PLACE), PLACE)


def test_a_wrong_key_under_a_known_id_is_one_clear_error() -> None:
    with pytest.raises(MasterKeyError, match="master key 'k1' isn't the one that encrypted it"):
        Vault({"k1": NEW}, "k1").open(Vault({"k1": OLD}, "k1").seal(PAYLOAD, PLACE), PLACE)


@pytest.mark.parametrize(
    ("keys", "current", "message"),
    [
        ({"k1": b"short"}, "k1", "'k1' has 5 bytes, not 32"),
        ({"k1": OLD}, "k2", "'k2' isn't among"),
        ({"": OLD}, "", "1 to 64 bytes"),
        ({"k" * 65: OLD}, "k" * 65, "1 to 64 bytes"),
    ],
)
def test_unusable_keys_are_refused_at_the_start(keys: dict[str, bytes], current: str, message: str) -> None:
    with pytest.raises(MasterKeyError, match=message):
        Vault(keys, current)


def _changed(data: bytes, position: int) -> bytes:
    changed = bytearray(data)
    changed[position] ^= 1
    return bytes(changed)
