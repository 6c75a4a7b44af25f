"""The win rates of the fixture by the package alpaca_eval itself, which tests/README.md says how to run."""

from __future__ import annotations

import copy
import tempfile
from pathlib import Path

import pandas as pd
from alpaca_eval.metrics import glm_winrate

from tests.engine.judge.test_length_controlled import fixture

WITHOUT_PENALTY = {"n_splits": 0, "C": 1e8, "tol": 1e-12, "max_iter": 1_000_000}


def main() -> None:
    """Print, for each model: its name, the raw rate, its error, the controlled rate without the penalty and with it."""
    rows = list(fixture())
    verdicts = pd.DataFrame(
        {
            "index": range(len(rows)),
            "preference": [1 + preferred for preferred, *_ in rows],
            "output_1": ["a" * a for _, a, _, _ in rows],
            "output_2": ["b" * b for _, _, b, _ in rows],
            "generator_1": "a",
            "generator_2": "b",
        }
    )
    # The package fetches its difficulties together with its truncated baselines, of which these models use none.
    leaderboard = pd.DataFrame(
        {"model": "none", "index": range(len(rows)), "instruction_difficulty": [row[-1] for row in rows]}
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "df_gamed.csv")
        leaderboard.to_csv(path, index=False)
        glm_winrate.hf_hub_download = lambda **_: str(path)
        for name in ("length_controlled_minimal", "length_controlled_noreg"):
            usual = glm_winrate.GLM_INFO[name]
            free = copy.deepcopy(usual) | {"kwargs": WITHOUT_PENALTY}
            one, other = (
                glm_winrate.get_length_controlled_winrate(
                    verdicts.copy(), glm_info=info, save_weights_dir=None
                )
                for info in (free, usual)
            )
            rates = one["length_controlled_winrate"], other["length_controlled_winrate"]
            print(name, one["win_rate"], one["standard_error"], *rates)


if __name__ == "__main__":
    main()
