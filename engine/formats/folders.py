"""A folder in place of a dataset: the file in it to name, and how a dataset's shards become one file."""

from __future__ import annotations

import re
from pathlib import Path

from models.system.shell import quoted_word

_KINDS = ("*.parquet", "*.arrow", "*.jsonl", "*.jsonl.gz", "*.jsonl.zst", "*.json", "*.csv")
_ABOUT = ("dataset_dict.json", "dataset_info.json", "dataset_infos.json", "state.json")
_SHARD = re.compile(r"(?P<name>.+)-\d{5}-of-(?P<count>\d{5})(?P<ending>(?:\.\w+)+)")  # as on Hugging Face
_PYARROW = "import sys, pyarrow.parquet as p; p.write_table(p.read_table(sys.argv[1:]), 'all.parquet')"


def in_folder(path: Path) -> str:
    """Advice on a folder that was given for a dataset: its first file that may be one, or how to join its shards."""
    found = ([file for file in sorted(path.rglob(kind)) if file.name not in _ABOUT] for kind in _KINDS)
    files = next(filter(None, found), [])
    if not files:
        return "choose a dataset or a workspace"
    if (shard := one_of_shards(files[0])) is not None:
        return f"{files[0].relative_to(path)} in it is {shard}"
    more = f"; of its {len(files)} files like that each is opened by itself" if files[1:] else ""
    return f"choose a dataset or a workspace in it, such as {files[0].relative_to(path)}{more}"


def one_of_shards(path: Path) -> str | None:
    """A note on a file that is one shard of a dataset by its name, and how to join them; None: the file is whole."""
    named = _SHARD.fullmatch(path.name)
    if named is None or int(named["count"]) < 2:
        return None
    files = f"{quoted_word(str(path.parent / named['name']))}-*{named['ending']}"
    join = {
        ".parquet": f'python -c "{_PYARROW}" {files}',
        ".json": f"jq -s add {files} > all.json",
        ".jsonl": f"cat {files} > all{named['ending']}",
    }.get(f".{named['ending'].split('.')[1]}")
    as_by = f", as by `{join}`" if join else ""
    return f"one of {int(named['count']):,} shards of a dataset; make one file of them first{as_by}"
