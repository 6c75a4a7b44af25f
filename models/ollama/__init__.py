"""The teacher that a local Ollama server runs.

The engine, the command line and the screens may import it; it knows no other program that runs models. Begin with
`teacher` (one request, its reply and what is held against it), then `server` (the official client's calls) and
`http` (the transport that keeps them to this machine, to limits and to what Ollama says).
"""

from __future__ import annotations

import os

# The official package builds a client while it is imported: a SOCKS proxy variable, a missing SSL_CERT_FILE or an
# odd OLLAMA_HOST would end the import with a traceback. None of them concerns us.
_hidden = {
    name: os.environ.pop(name)
    for name in list(os.environ)
    if name.lower().endswith("_proxy") or name.startswith(("OLLAMA_", "SSL_CERT_"))
}
try:
    import ollama  # noqa: F401
finally:
    os.environ.update(_hidden)
