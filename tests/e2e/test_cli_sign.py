"""Keys, signatures, proofs and the checkers without tectra, as an auditor uses them."""

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("cryptography", reason="signatures need the cryptography library")

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(60)]


def test_sign_prove_check(cli, tmp_path: Path) -> None:
    assert cli("mdg", "-o", "m", "--ticks", 200, "--symbols", "X,Y", "--seed", 4).code == 0
    key = cli("journal", "keygen", "k.pem")
    assert key.code == 0 and len(key.out.strip()) == 64
    (tmp_path / "k.pub").write_text(key.out)
    cli("journal", "keygen", "k.pem").explained("never overwritten")
    signed = cli("journal", "sign", "m", "--key", "k.pem", "--note", "end of day", "--json").json
    assert signed["note"] == "end of day" and signed["key"] == key.out.strip()
    assert cli("journal", "verify", "m", "--key", "k.pub").code == 0
    forged = cli("journal", "verify", "m", "--key", "ab" * 32)
    assert forged.code == 1 and "not by this key" in forged.out
    done = cli("journal", "prove", "m", 7, "-o", "p.json")
    assert done.code == 0 and "proof of record 7" in done.out
    assert "ok" in cli("journal", "prove", "p.json", "--check", "--key", "k.pub").out
    cli("journal", "prove", "p.json", "--check", "--key", "ab" * 32).explained("not by this key")
    cli("journal", "prove", "m", 10**9).explained("ring_seq")
    cli("journal", "prove", "k.pem", "--check").explained("no proof")
    cli("journal", "sign", "m", "--key", "none.pem").explained("none.pem", "No such file")
    assert cli("journal", "prove", "m").code == 2
    assert cli("journal", "verifier", "check").code == 0
    journal = (
        tmp_path / "m" / "journal" if (tmp_path / "m" / "journal").is_dir() else tmp_path / "m"
    )
    for script, what in (("verify_journal.py", journal), ("verify_proof.py", tmp_path / "p.json")):
        command = [sys.executable, "-I", "-S", tmp_path / "check" / script, what, "--key"]
        done = subprocess.run(
            [*map(str, command), key.out.strip()], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0 and "ok" in done.stdout, done.stderr
    record = next(journal.glob("*.ttj"))
    body = bytearray(record.read_bytes())
    body[-64] ^= 1
    record.write_bytes(body)
    done = subprocess.run(
        [sys.executable, tmp_path / "check" / "verify_journal.py", journal],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1 and "checksum" in done.stderr
