"""Whoever owns the database can do what they like with the trail, and it is found: each kind, at its first row."""

from trail import Trail

from oddline.audit.model import FIRST_LINK
from oddline.audit.store import list_sealed

SUBJECTS = ("source:a", "source:b", "source:c", "source:d", "source:e")

# What somebody does to five rows, and what is found of it.
TAMPERINGS = {
    "a row is changed": (["UPDATE audit_actions SET actor = 'key:x' WHERE number = 3"], ("changed", 3)),
    "its personal part is": (["UPDATE audit_actions SET personal = 'x' WHERE number = 2"], ("changed", 2)),
    "its time is": (["UPDATE audit_actions SET at = at - interval '1 hour' WHERE number = 5"], ("changed", 5)),
    "a row is deleted": (["DELETE FROM audit_actions WHERE number = 3"], ("missing", 3)),
    "the first is deleted": (["DELETE FROM audit_actions WHERE number = 1"], ("missing", 1)),
    "all are deleted": (["DELETE FROM audit_actions"], ("missing", 1)),
    "the chain's row, too": (["DELETE FROM audit_actions", "DELETE FROM audit_chains"], ("missing", 1)),
    "two rows are exchanged": (
        [
            "UPDATE audit_actions SET number = 99 WHERE number = 2",
            "UPDATE audit_actions SET number = 2 WHERE number = 4",
            "UPDATE audit_actions SET number = 4 WHERE number = 99",
        ],
        ("reordered", 2),
    ),
    "two neighbours are": (
        [
            "UPDATE audit_actions SET number = 99 WHERE number = 2",
            "UPDATE audit_actions SET number = 2 WHERE number = 3",
            "UPDATE audit_actions SET number = 3 WHERE number = 99",
        ],
        ("reordered", 2),
    ),
    "two are, and each place keeps its hash": (
        [
            "UPDATE audit_actions SET number = 99 WHERE number = 2",
            "UPDATE audit_actions SET number = 2 WHERE number = 4",
            "UPDATE audit_actions SET number = 4 WHERE number = 99",
            "UPDATE audit_actions a SET hash = b.hash FROM audit_actions b"
            " WHERE a.number = 6 - b.number AND a.number IN (2, 4)",
        ],
        ("reordered", 2),
    ),
    "a row is put between": (
        [
            "UPDATE audit_actions SET number = number + 1000 WHERE number >= 3",
            "UPDATE audit_actions SET number = number - 999 WHERE number >= 1000",
            "INSERT INTO audit_actions SELECT (jsonb_populate_record(a, '{\"number\": 3, \"subject\": \"source:x\","
            " \"id\": \"00000000-0000-0000-0000-000000000001\"}')).* FROM audit_actions a WHERE number = 2",
        ],
        ("inserted", 3),
    ),
    "one has the number of another": (
        [
            "DROP INDEX audit_actions_number",
            "INSERT INTO audit_actions SELECT (jsonb_populate_record(a,"
            " '{\"id\": \"ffffffff-0000-0000-0000-000000000001\"}')).* FROM audit_actions a WHERE number = 2",
        ],
        ("inserted", 2),
    ),
    "the end is cut off": (["DELETE FROM audit_actions WHERE number >= 4"], ("missing", 4)),
    "the chain is shortened with it": (
        [
            "DELETE FROM audit_actions WHERE number >= 4",
            "UPDATE audit_chains SET number = 3, head_number = 3,"
            " hash = (SELECT hash FROM audit_actions WHERE number = 3)",
        ],
        ("missing", 4),
    ),
    "the end is unsealed": (["UPDATE audit_actions SET number = NULL, hash = NULL WHERE number = 5"], ("missing", 5)),
    "the beginning is passed off as past its time": (
        [
            "UPDATE audit_chains SET cut_number = 2, cut_hash = (SELECT hash FROM audit_actions WHERE number = 2)",
            "DELETE FROM audit_actions WHERE number <= 2",
        ],
        ("missing", 1),
    ),
    "the chain is given another end": (["UPDATE audit_chains SET hash = cut_hash"], ("changed", 5)),
}  # fmt: skip


SAVE = [f"CREATE TABLE saved_{name} AS SELECT * FROM audit_{name}" for name in ("actions", "chains")]
RESTORE = [
    "DELETE FROM audit_actions",
    "DELETE FROM audit_chains",
    "INSERT INTO audit_actions SELECT * FROM saved_actions",
    "INSERT INTO audit_chains SELECT * FROM saved_chains",
]


def test_each_kind_of_tampering_is_found_at_its_first_row(trail: Trail) -> None:
    trail.sealed(*SUBJECTS)
    trail.tamper(*SAVE)
    untouched = trail.fault()

    found = {}
    for kind, (statements, _) in TAMPERINGS.items():
        trail.tamper(*statements)
        found[kind] = trail.fault()
        trail.tamper(*RESTORE)

    assert untouched is None
    assert found == {kind: expected for kind, (_, expected) in TAMPERINGS.items()}


def test_a_chain_that_was_made_anew_disagrees_with_the_heads(trail: Trail) -> None:
    trail.sealed(*SUBJECTS)
    trail.tamper("UPDATE audit_actions SET subject = 'source:x' WHERE number = 3")

    _make_anew(trail)

    finding = trail.verdict().finding
    assert finding is not None
    assert (finding.fault, finding.number) == ("rewritten", 3)
    assert "the head of row 3" in finding.text


def test_a_row_behind_the_end_is_told(trail: Trail) -> None:
    trail.sealed(*SUBJECTS)
    [(end,)] = trail.rows("SELECT hash FROM audit_chains")
    trail.act("source:forged")

    with trail.db("owner").transaction() as tx:
        tx.execute("UPDATE audit_actions SET number = 6, hash = '' WHERE number IS NULL")
        [forged] = list_sealed(tx, trail.project, after=5, limit=1)
        tx.execute("UPDATE audit_actions SET hash = %s WHERE number = 6", [forged.link(end)])

    assert trail.fault() == ("inserted", 6)


def test_a_head_that_is_gone_is_told(trail: Trail) -> None:
    trail.sealed("source:a", "source:b")
    last = list(trail.heads.list(f"audit/{trail.project}/heads/"))[-1]

    trail.heads.delete(last.key)

    assert trail.fault() == ("head missing", 2)


def test_a_second_head_of_another_hash_is_told(trail: Trail) -> None:
    trail.sealed("source:a")

    trail.heads.put(f"audit/{trail.project}/heads/{1:016}-{'ab' * 32}", b"")

    assert trail.fault() == ("rewritten", 1)


def _make_anew(trail: Trail) -> None:
    """Give every row the hash that it should have: all that somebody with the database can do."""
    with trail.db("owner").transaction() as tx:
        digest = FIRST_LINK
        for row in list_sealed(tx, trail.project, after=0, limit=99):
            digest = row.link(digest)
            tx.execute("UPDATE audit_actions SET hash = %s WHERE number = %s", [digest, row.number])
        tx.execute("UPDATE audit_chains SET hash = %s", [digest])
