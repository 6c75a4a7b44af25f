"""An environment in which a less careful program would send texts, or a secret, elsewhere."""

from __future__ import annotations

from pathlib import Path

SECRET = "sk-burnish-secret"
FAR = "http://198.51.100.9:3128"
"""Of a network that is kept for documentation: nobody is there."""


def traps(folder: Path) -> dict[str, str]:
    """The variables; the folder is to be on PYTHONPATH. `sprung` says what a trap that writes has left in it."""
    (netrc := folder / "netrc").write_text(f"machine 127.0.0.1 login me password {SECRET}\n", "utf-8")
    netrc.chmod(0o600)
    (console := folder / "textual_dev").mkdir()
    (console / "__init__.py").write_text(f"open({str(folder / 'console')!r}, 'w').close()\n", "utf-8")
    proxies = {f"{kind}_PROXY": FAR for kind in ("HTTP", "HTTPS", "ALL", "FTP")}
    return {
        **proxies,
        **{name.lower(): value for name, value in proxies.items()},
        "NO_PROXY": "",
        "no_proxy": "",
        "OLLAMA_API_KEY": SECRET,
        "NETRC": str(netrc),
        "TEXTUAL": "devtools,debug",
        "TEXTUAL_DEVTOOLS_HOST": "198.51.100.9",
        "TEXTUAL_LOG": str(folder / "log"),
    }


def sprung(folder: Path) -> list[str]:
    return [name for name in ("console", "log") if (folder / name).exists()]
