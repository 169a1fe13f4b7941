"""Signed checkpoints, proofs, and the checkers that need no tectra: what an attacker can do."""

import errno
import json
import os
import random
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from journal_records import crc32c_model, digest_model, stream

from tectra.core.errors import InputError, JournalError
from tectra.core.msg import Template
from tectra.journal import JournalReader, JournalWriter, Manifest, verify
from tectra.journal.checkpoint import (
    Checkpoint,
    check_checkpoints,
    load_checkpoints,
    sign_journal,
)
from tectra.journal.fault import Cause
from tectra.journal.independent import verify_journal as plain
from tectra.journal.manifest import CHECKPOINTS_NAME
from tectra.journal.merkle import CHAIN_START, chain_head, merkle_root
from tectra.journal.prove import Proof, check_proof, prove

pytest.importorskip("cryptography", reason="signatures need the cryptography library")

from tectra.journal.sign import SigningKey, is_signed_by, public_key

SCRIPTS = Path(plain.__file__).parent
COUNT = 700


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> SigningKey:
    return SigningKey.create(tmp_path_factory.mktemp("key") / "key.pem")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, key: SigningKey) -> Path:
    """A closed journal of several segments, signed in the middle of the third and at its end."""
    path = tmp_path_factory.mktemp("journal") / "j"
    with JournalWriter(path, session={"n": 1}, segment_slots=256) as writer:
        for number, body in enumerate(stream(COUNT), start=1):
            writer.append(body)
            if number == 400:
                sign_journal(path, key, now_ns=1, note="in the middle")
    sign_journal(path, key, now_ns=2)
    return path


@pytest.fixture
def journal(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "j")
    return tmp_path / "j"


def independent(script: str, *args: object) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-I", "-S", SCRIPTS / script, *map(str, args)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout + done.stderr


class TestKeys:
    def test_a_key_is_its_owners_alone_and_never_overwritten(self, tmp_path: Path) -> None:
        path = tmp_path / "key.pem"
        key = SigningKey.create(path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert SigningKey.load(path).public == key.public
        with pytest.raises(InputError, match="never overwritten"):
            SigningKey.create(path)
        path.chmod(0o644)
        with pytest.raises(InputError, match="chmod 600"):
            SigningKey.load(path)
        assert key.public not in repr(vars(key))

    @pytest.mark.parametrize("body", [b"", b"no key", b"-----BEGIN %b KEY-----\n" % b"PRIVATE"])
    def test_what_is_no_key_is_refused(self, body: bytes, tmp_path: Path) -> None:
        path = tmp_path / "key.pem"
        path.write_bytes(body)
        path.chmod(0o600)
        with pytest.raises(InputError, match="no private key"):
            SigningKey.load(path)

    def test_half_a_key_is_not_left(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(_fd: int) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        path = tmp_path / "key.pem"
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", full)
            with pytest.raises(InputError, match="No space left"):
                SigningKey.create(path)
        assert not path.exists()
        SigningKey.create(path)

    def test_a_private_key_given_by_mistake_is_not_repeated(self, tmp_path: Path) -> None:
        SigningKey.create(tmp_path / "key.pem")
        text = (tmp_path / "key.pem").read_text()
        for given in (text, text.splitlines()[1], text * 9):
            with pytest.raises(InputError, match="64 hex digits") as refusal:
                public_key(given)
            assert not any(line in str(refusal.value) for line in text.splitlines())
        with pytest.raises(InputError, match=r"'desk\.pub'"):
            public_key("desk.pub")

    def test_public_keys_as_text_or_file(self, key: SigningKey, tmp_path: Path) -> None:
        file = tmp_path / "key.pub"
        file.write_text(key.public.upper() + "\n")
        assert public_key(file) == public_key(f" {key.public} ") == key.public
        with pytest.raises(InputError, match="64 hex digits"):
            public_key("ab" * 31 + "zz")


class TestEd25519:
    """The plain verifier's arithmetic against the library and the vectors of RFC 8032."""

    def test_vectors(self) -> None:
        key = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
        signature = (
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bac"
            "c61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
        )
        assert plain.signed(bytes.fromhex(key), b"", bytes.fromhex(signature))
        assert not plain.signed(bytes.fromhex(key), b"x", bytes.fromhex(signature))

    def test_as_the_library(self, key: SigningKey) -> None:
        rng = random.Random(3)
        for _ in range(20):
            message = rng.randbytes(rng.randrange(100))
            signature = bytearray(key.sign(message))
            assert plain.signed(bytes.fromhex(key.public), message, bytes(signature))
            signature[rng.randrange(64)] ^= 1 << rng.randrange(8)
            assert not is_signed_by(key.public, message, bytes(signature))
            try:
                ours = plain.signed(bytes.fromhex(key.public), message, bytes(signature))
            except ValueError:
                ours = False
            assert not ours


class TestJournal:
    def test_whole(self, journal: Path, key: SigningKey) -> None:
        first, second = load_checkpoints(journal)
        assert (first.records, first.last_ring_seq, first.note) == (400, 400, "in the middle")
        assert (second.records, second.last_ring_seq) == (COUNT, COUNT)
        assert check_checkpoints(journal, public_key=key.public) == []
        assert verify(journal).ok
        code, said = independent("verify_journal.py", journal, "--key", key.public)
        assert code == 0 and f"{COUNT} records" in said and "2 signatures: ok" in said
        assert second.chain in said

    def test_another_key_does_not_count(self, journal: Path, tmp_path: Path) -> None:
        other = SigningKey.create(tmp_path / "other.pem").public
        faults = check_checkpoints(journal, public_key=other)
        assert [f.cause for f in faults] == [Cause.SIGNATURE] * 2
        assert independent("verify_journal.py", journal, "--key", other)[0] == 1

    def test_without_signatures(self, journal: Path, key: SigningKey) -> None:
        (journal / CHECKPOINTS_NAME).unlink()
        assert check_checkpoints(journal) == []
        assert len(check_checkpoints(journal, public_key=key.public)) == 1
        assert independent("verify_journal.py", journal)[0] == 0
        assert independent("verify_journal.py", journal, "--key", key.public)[0] == 1

    def test_a_flipped_bit_is_named(self, journal: Path) -> None:
        path = sorted(journal.glob("*.ttj"))[1]
        body = bytearray(path.read_bytes())
        body[-3000] ^= 4
        path.write_bytes(body)
        code, said = independent("verify_journal.py", journal)
        assert code == 1 and path.name in said and "checksum" in said

    @pytest.mark.parametrize("segment", [1, 2])
    def test_who_makes_everything_anew_meets_the_signature(
        self, journal: Path, segment: int, key: SigningKey
    ) -> None:
        rewrite(journal, segment)
        assert verify(journal).ok  # checksums, digests, trees and chain all fit
        faults = check_checkpoints(journal, public_key=key.public)
        assert faults and {f.cause for f in faults} == {Cause.SIGNATURE}
        code, said = independent("verify_journal.py", journal, "--key", key.public)
        assert code == 1 and "signed" in said

    @pytest.mark.parametrize("field", ["records", "ts_ns", "chain", "note", "signature", "key"])
    def test_a_changed_checkpoint_is_not_genuine(self, journal: Path, field: str) -> None:
        lines = (journal / CHECKPOINTS_NAME).read_text().splitlines()
        fields = json.loads(lines[0])
        old = fields[field]
        fields[field] = (
            old + 1 if isinstance(old, int) else ("0" if old[:1] != "0" else "1") + old[1:]
        )
        lines[0] = json.dumps(fields)
        (journal / CHECKPOINTS_NAME).write_text("\n".join(lines) + "\n")
        assert check_checkpoints(journal)
        assert independent("verify_journal.py", journal)[0] == 1

    @pytest.mark.parametrize("line", ["{}", "x", '{"epoch": 1}', "[]"])
    def test_lines_that_are_none(self, journal: Path, line: str) -> None:
        (journal / CHECKPOINTS_NAME).write_text(line + "\n")
        with pytest.raises(JournalError, match="line 1"):
            load_checkpoints(journal)
        assert independent("verify_journal.py", journal)[0] == 1

    @pytest.mark.parametrize(
        "claim", [{"records": COUNT}, {"last_ring_seq": COUNT}, {"slots": -1}, {"slots": 0}]
    )
    def test_a_checkpoint_covers_what_it_claims(
        self, journal: Path, key: SigningKey, claim: dict[str, int]
    ) -> None:
        """Signed by the right key, and still not what the slots under the signature hold."""
        first, _ = load_checkpoints(journal)
        forged = msgspec.structs.replace(first, **claim).signed(key)
        (journal / CHECKPOINTS_NAME).write_bytes(msgspec.json.encode(forged) + b"\n")
        faults = check_checkpoints(journal, public_key=key.public)
        assert [f.cause for f in faults] == [Cause.SIGNATURE]
        assert independent("verify_journal.py", journal, "--key", key.public)[0] == 1

    def test_a_key_that_was_left_out_is_wrong_usage(self, journal: Path) -> None:
        (journal / CHECKPOINTS_NAME).unlink()
        for args in ([journal, "--key"], ["--key", journal], [journal, "--key", ""]):
            assert independent("verify_journal.py", *args)[0] != 0

    def test_a_note_of_any_characters(self, journal: Path, key: SigningKey) -> None:
        sign_journal(journal, key, now_ns=3, note="a\u2028b\x85c\x0bd \u00e9 \U0001f511")
        assert check_checkpoints(journal, public_key=key.public) == []
        code, said = independent("verify_journal.py", journal, "--key", key.public)
        assert code == 0 and "3 signatures" in said

    @pytest.mark.parametrize("cut", [1, 40])
    def test_what_a_killed_signer_left_goes(self, journal: Path, key: SigningKey, cut: int) -> None:
        path = journal / CHECKPOINTS_NAME
        path.write_bytes(path.read_bytes()[:-cut])
        sign_journal(journal, key, now_ns=3)
        assert len(load_checkpoints(journal)) == (3 if cut == 1 else 2)
        assert check_checkpoints(journal, public_key=key.public) == []

    def test_a_full_disk_leaves_the_lines_there_are(
        self, journal: Path, key: SigningKey, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = (journal / CHECKPOINTS_NAME).read_bytes()

        def full(_fd: int) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            sign_journal(journal, key, now_ns=3)
        assert (journal / CHECKPOINTS_NAME).read_bytes() == before

    def test_the_line_and_its_name_are_on_the_disk(
        self, journal: Path, key: SigningKey, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (journal / CHECKPOINTS_NAME).unlink()
        synced, fsync = [], os.fsync

        def note(fd: int) -> None:
            synced.append(str(Path(f"/proc/self/fd/{fd}").readlink()))
            fsync(fd)

        monkeypatch.setattr(os, "fsync", note)
        sign_journal(journal, key, now_ns=3)
        assert synced == [str(journal / CHECKPOINTS_NAME), str(journal)]

    def test_nothing_to_sign(self, tmp_path: Path, key: SigningKey) -> None:
        JournalWriter(tmp_path / "j", session={}, segment_slots=64).close()
        with pytest.raises(JournalError, match="no record"):
            sign_journal(tmp_path / "j", key, now_ns=1)
        assert not (tmp_path / "j" / CHECKPOINTS_NAME).exists()

    def test_damage_is_not_signed(self, journal: Path, key: SigningKey) -> None:
        path = min(journal.glob("*.ttj"))
        body = bytearray(path.read_bytes())
        body[-100] ^= 1
        path.write_bytes(body)
        with pytest.raises(JournalError):
            sign_journal(journal, key, now_ns=3)

    def test_messages_are_what_plain_json_says(self) -> None:
        checkpoint = Checkpoint(
            epoch="00", segment_id=1, slots=2, records=3, last_ring_seq=4, root="a", chain="b",
            ts_ns=-5, note='é "quoted" \\ \n \x01',
        )  # fmt: skip
        fields = msgspec.to_builtins(checkpoint)
        del fields["signature"]
        body = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        assert checkpoint.message() == b"tectra journal checkpoint\n" + body.encode()


class TestProof:
    @pytest.mark.parametrize("seq", [1, 2, 300, 400, 401, COUNT])
    def test_holds_here_and_elsewhere(
        self, made: Path, seq: int, key: SigningKey, tmp_path: Path
    ) -> None:
        proof = prove(made, seq)
        check_proof(proof, public_key=key.public)
        assert bytes.fromhex(proof.record) == stream(COUNT)[seq - 1]
        assert proof.checkpoint is not None
        assert proof.checkpoint.last_ring_seq == (400 if seq <= 400 else COUNT)
        file = tmp_path / "proof.json"
        file.write_bytes(msgspec.json.encode(proof))
        code, said = independent("verify_proof.py", file, "--key", key.public)
        assert code == 0, said

    def test_of_a_record_across_two_blocks(self, made: Path) -> None:
        proofs = [prove(made, seq) for seq in range(200, COUNT)]
        assert {len(p.blocks) for p in proofs} == {1, 2}
        for proof in proofs:
            check_proof(proof)

    def test_unsigned(self, journal: Path, key: SigningKey) -> None:
        (journal / CHECKPOINTS_NAME).unlink()
        proof = prove(journal, 5)
        check_proof(proof)
        assert proof.checkpoint is None and proof.links
        with pytest.raises(JournalError, match="nobody signed"):
            check_proof(proof, public_key=key.public)

    def test_no_such_record(self, made: Path) -> None:
        with pytest.raises(InputError, match=f"has 1 to {COUNT}"):
            prove(made, COUNT + 1)

    def test_every_changed_word_is_found(self, made: Path, tmp_path: Path) -> None:
        good = msgspec.to_builtins(prove(made, 120))
        file = tmp_path / "proof.json"
        assert good["links"] and good["blocks"][0]["path"]
        for name in ("epoch", "record", "root", "chain_before", "chain"):
            bad = json.loads(json.dumps(good))
            digit = "0" if bad[name][5] != "0" else "1"
            bad[name] = bad[name][:5] + digit + bad[name][6:]
            refused(bad, file)
        for name in ("segment_id", "slots", "ring_seq", "slot"):
            bad = json.loads(json.dumps(good))
            bad[name] += 64 if name == "slots" else 1
            refused(bad, file)
        bad = json.loads(json.dumps(good))
        bad["blocks"][0]["path"].pop()
        refused(bad, file)
        bad = json.loads(json.dumps(good))
        bad["links"].pop()
        refused(bad, file)

    def test_half_a_record_proves_nothing(self, made: Path, tmp_path: Path) -> None:
        wide = next(seq for seq, body in enumerate(stream(COUNT), start=1) if len(body) == 128)
        good = msgspec.to_builtins(prove(made, wide))
        for digits in (128, 64, 32, 0):
            refused({**good, "record": good["record"][:digits]}, tmp_path / "proof.json")

    def test_numbers_that_no_journal_has(self, made: Path, tmp_path: Path) -> None:
        good = msgspec.to_builtins(prove(made, 120))
        for bad in ({"segment_id": 1 << 40}, {"segment_id": -1}, {"epoch": "f" * 40}):
            refused({**good, **bad}, tmp_path / "proof.json")


def refused(fields: dict[str, object], file: Path) -> None:
    with pytest.raises(JournalError):
        check_proof(msgspec.convert(fields, Proof))
    file.write_text(json.dumps(fields))
    assert independent("verify_proof.py", file)[0] == 1, fields


def rewrite(journal: Path, number: int) -> None:
    """Change one byte of a record of a closed segment, and make every sum over it anew."""
    manifest = Manifest.load(journal)
    entries, head = [], CHAIN_START
    for entry, (segment, slots) in zip(
        manifest.segments, list(JournalReader(journal).segments()), strict=True
    ):
        path = journal / entry.file
        body = bytearray(path.read_bytes())
        start = segment.slots_offset
        if segment.head.segment_id == number:
            at = start + 64 * int(segment.starts[3]) + 50
            body[at] ^= 1
            slot = (at - start) // 64
            seed = (segment.seed + slot) % 2**32
            crc = crc32c_model(bytes(body[start + 64 * slot : start + 64 * slot + 64]), seed)
            body[4096 + 4 * slot : 4100 + 4 * slot] = crc.to_bytes(4, "little")
        data = bytes(body[start : start + 64 * len(slots)])
        root = merkle_root(data)
        head = chain_head(head, segment.head.epoch, segment.head.segment_id, root)
        digest = digest_model(data)
        body[176:192] = b"".join(int(digest[k : k + 16], 16).to_bytes(8, "little") for k in (0, 16))
        if any(body[192:256]):
            body[192:256] = root + head
        body[4092:4096] = crc32c_model(bytes(body[:4092])).to_bytes(4, "little")
        path.write_bytes(body)
        sealed = entry.merkle_root is not None
        entries.append(
            msgspec.structs.replace(
                entry,
                digest=digest,
                merkle_root=root.hex() if sealed else None,
                chain=head.hex() if sealed else None,
            )
        )
    msgspec.structs.replace(manifest, segments=entries).save(journal)


def test_a_kill_record_that_was_edited_breaks_the_ledger(tmp_path: Path, key: SigningKey) -> None:
    """Operators' and kill actions are records like all others: the signature covers them."""
    path = tmp_path / "j"
    with JournalWriter(path, session={}, segment_slots=64) as writer:
        kinds = (Template.CONTROL_KILL, Template.CONTROL_LIMIT, Template.KILL_RESPONSE)
        for body in stream(20, templates=kinds):
            writer.append(body)
    sign_journal(path, key, now_ns=1)
    assert check_checkpoints(path, public_key=key.public) == []
    rewrite(path, 1)
    assert check_checkpoints(path, public_key=key.public)
