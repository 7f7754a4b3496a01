"""Answers one request of model-signing.test.ts: reads a JSON object on stdin, writes one on stdout."""

import json
import pathlib
import sys

import model_signing


def sign(request):
    """Signs a folder with the library's own defaults."""
    folder = pathlib.Path(request["folder"])
    signature = folder / "model.sig"
    model_signing.signing.Config().use_elliptic_key_signer(private_key=request["key"]).set_hashing_config(
        model_signing.hashing.Config().set_ignored_paths(paths=[signature], ignore_git_paths=True)
    ).sign(folder, signature)
    return {}


def verify(request):
    """Verifies a folder; the answer is null, or why it was refused."""
    try:
        folder = pathlib.Path(request["folder"])
        model_signing.verifying.Config().use_elliptic_key_verifier(public_key=request["key"]).verify(
            folder, folder / "model.sig"
        )
    except Exception as error:  # Also cryptography's InvalidSignature, which is no ValueError.
        return {"refused": f"{type(error).__name__}: {error}"}
    return {"refused": None}


request = json.load(sys.stdin)
json.dump({"sign": sign, "verify": verify}[request["do"]](request), sys.stdout)
