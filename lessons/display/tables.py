"""Tables of scores as heat maps."""

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns

from lessons.display import show


def score_table(rows, measures, alt, apart=lambda row, name: False):
    """Show scores as a table: the darker a cell, the further it is from the best value.

    rows: heading -> a list of dicts of scores, one a seed; a cell has their mean, and below it
    their range where there are several. measures: name -> what has its title, and gives for a
    value its text(value) and its shortfall(value), 0 (best) to 1. apart(row, name) -> whether a
    cell is framed.
    """
    cells = [[[scores[name] for scores in seeds if name in scores] for name in measures]
             for seeds in rows.values()]
    shortfalls = [[measure.shortfall(np.mean(values)) if values else 0.0 for values, measure in
                   zip(row, measures.values(), strict=True)] for row in cells]
    texts = [[_text(values, measure) for values, measure in
              zip(row, measures.values(), strict=True)] for row in cells]
    fig, ax = plt.subplots(figsize=(2.6 + 0.95 * len(measures), 0.8 + 0.5 * len(rows)))
    sns.heatmap(shortfalls, vmin=0, vmax=1, cmap=sns.light_palette(show.ORANGE, as_cmap=True),
                annot=np.array(texts), fmt="", annot_kws={"fontsize": 9}, cbar=False,
                linewidths=2, yticklabels=list(rows),
                xticklabels=[measure.title for measure in measures.values()], ax=ax)
    ax.tick_params(length=0, labeltop=True, labelbottom=False)
    ax.tick_params(axis="y", rotation=0)
    for y, row in enumerate(rows):
        for x, name in enumerate(measures):
            if apart(row, name):
                ax.add_patch(plt.Rectangle((x + 0.03, y + 0.04), 0.94, 0.92, fill=False,
                                           edgecolor="#222222", linewidth=1.8))
    show.figure(fig, alt)


def _text(values, measure):
    """What stands in a cell."""
    if not values:
        return "–"
    low, high = measure.text(min(values)), measure.text(max(values))
    return measure.text(np.mean(values)) + (f"\n{low} to {high}" if low != high else "")
