from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.merkle import Frontier, inclusion_proof, leaf_hash, verify_inclusion


def mth(bodies: list[bytes]) -> bytes:
    """The definition in RFC 6962 section 2.1, word for word."""
    n = len(bodies)
    if n == 0:
        return sha256(b"").digest()
    if n == 1:
        return sha256(b"\x00" + bodies[0]).digest()
    k = 1
    while k * 2 < n:
        k *= 2
    return sha256(b"\x01" + mth(bodies[:k]) + mth(bodies[k:])).digest()


def path(m: int, bodies: list[bytes]) -> list[bytes]:
    """PATH(m, D[n]) in RFC 6962 section 2.1.1, word for word."""
    n = len(bodies)
    if n == 1:
        return []
    k = 1
    while k * 2 < n:
        k *= 2
    if m < k:
        return [*path(m, bodies[:k]), mth(bodies[k:])]
    return [*path(m - k, bodies[k:]), mth(bodies[:k])]


BODIES = [b"record %d" % i for i in range(140)]


def test_root_is_that_of_the_rfc_at_every_size() -> None:
    frontier = Frontier()
    for size in range(len(BODIES)):
        assert frontier.root() == mth(BODIES[:size])
        frontier.append(leaf_hash(BODIES[size]))


def test_known_root_of_the_certificate_transparency_vectors() -> None:
    leaves = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657"]
    leaves.append("606162636465666768696a6b6c6d6e6f")
    frontier = Frontier()
    for leaf in leaves:
        frontier.append(leaf_hash(bytes.fromhex(leaf)))
    assert frontier.root().hex() == (
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"
    )


@given(st.integers(1, 100), st.data())
def test_inclusion_proof_is_that_of_the_rfc_and_verifies_only_its_own_leaf(
    size: int, data: st.DataObject
) -> None:
    index = data.draw(st.integers(0, size - 1))
    bodies = BODIES[:size]
    leaves = [leaf_hash(body) for body in bodies]
    proof, root = inclusion_proof(leaves, index), mth(bodies)
    assert proof == path(index, bodies)
    assert verify_inclusion(leaves[index], index, size, proof, root)
    other = data.draw(st.integers(0, size + 1))
    if other != index:
        assert not verify_inclusion(leaves[index], other, size, proof, root)
    assert not verify_inclusion(leaf_hash(b"another"), index, size, proof, root)
    assert not verify_inclusion(leaves[index], index, size, [*proof, root], root)
    if proof:
        assert not verify_inclusion(leaves[index], index, size, proof[:-1], root)


@given(st.integers(0, 100), st.integers(0, 30))
def test_frontier_continues_from_its_bytes(size: int, more: int) -> None:
    whole, first = Frontier(), Frontier()
    for body in BODIES[:size]:
        whole.append(leaf_hash(body))
        first.append(leaf_hash(body))
    again = Frontier.from_bytes(size, first.to_bytes())
    for body in BODIES[size : size + more]:
        whole.append(leaf_hash(body))
        again.append(leaf_hash(body))
    assert again.root() == whole.root()


@pytest.mark.parametrize(("size", "data"), [(1, b""), (3, bytes(32)), (2, bytes(31)), (-1, b"")])
def test_frontier_refuses_bytes_that_do_not_fit(size: int, data: bytes) -> None:
    with pytest.raises(ValueError):
        Frontier.from_bytes(size, data)


def test_copy_is_independent() -> None:
    frontier = Frontier()
    frontier.append(leaf_hash(b"a"))
    copy = frontier.copy()
    copy.append(leaf_hash(b"b"))
    assert frontier.size == 1
    assert frontier.root() == leaf_hash(b"a")


def test_proof_of_a_leaf_outside_of_the_tree_is_refused() -> None:
    with pytest.raises(ValueError, match="not in a tree of 2"):
        inclusion_proof([bytes(32)] * 2, 2)
