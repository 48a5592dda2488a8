"""A study trains variants of a model with several seeds and writes what it measured of each to
data/NAME.json, after each run, so that one that was cut goes on where it stopped."""

import json
from collections.abc import Callable
from dataclasses import dataclass

from lessons.engine.checkpoints import write_whole
from lessons.engine.weights import DATA


@dataclass(frozen=True)
class Study:
    """A comparison of variants on one budget.

    name: of its file in data/. seeds: for each seed, 0 and up, the names of its variants.
    settings: what all runs share, such as {"steps": 1000}.
    measure(shared, variant, seed, **settings) -> the scores of one run, a dict.
    prepare(**settings) -> `shared`: what takes long and serves all runs.
    references() -> name -> scores: what the variants stand between, such as real films.
    """

    name: str
    seeds: list
    settings: dict
    measure: Callable
    prepare: Callable = lambda **settings: None
    references: Callable = dict

    def compare(self, results=None, write=None):
        """Train and measure what is missing in the results of an earlier call, if any.

        Returns a dict: "settings", "references", and "runs", a list of dicts with a run's
        "variant", "seed" and scores. write(results): called after each run.
        """
        if not results or results["settings"] != self.settings:
            results = {"settings": self.settings, "references": self.references(), "runs": []}
        done = [(run["seed"], run["variant"]) for run in results["runs"]]
        missing = [(seed, variant) for seed, variants in enumerate(self.seeds)
                   for variant in variants if (seed, variant) not in done]
        shared = self.prepare(**self.settings) if missing else None
        for seed, variant in missing:
            scores = self.measure(shared, variant, seed, **self.settings)
            results["runs"].append({"variant": variant, "seed": seed} | scores)
            if write:
                write(results)
        return results

    def run(self):
        """Go on with the results in data/, and write them there."""
        path = DATA / f"{self.name}.json"
        self.compare(stored(self.name) if path.exists() else None, lambda results: write_whole(
            path, (json.dumps(results, ensure_ascii=False) + "\n").encode()))


def stored(name):
    """The results of the study of this name, as `Study.compare` describes them."""
    return json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))


def rounded(scores):
    """A dict of numbers with four digits after the point."""
    return {name: round(float(value), 4) for name, value in scores.items()}
