"""Attention as a picture and as a table."""

from html import escape

import matplotlib.pyplot as plt
import seaborn as sns
from IPython.display import HTML

from lessons.display import show
from lessons.world.theatre import own_frames
from lessons.world.vocabulary import verbs


def attention_heatmap(films, i=0, labels=None, title=None):
    """Show the attention of film i under the film: words from top to bottom, frames from left to
    right, and around each of two verbs the frames in which the theatre shows its action.

    films: of `text_to_video.film`. labels: what stands for the words, where a font lacks them.
    """
    words = [str(word) for word in films.words[i] if word]
    matrix, T = films.attention[i][:, :len(words)].T, films.video.shape[1]     # (L, T)
    fig, (top, under) = plt.subplots(
        2, 1, figsize=(9.6, 1.1 + 0.25 * len(words)), layout="constrained",
        height_ratios=(0.62, 0.25 * len(words)))
    top.imshow(films.video[i].swapaxes(0, 1).reshape(films.video.shape[2], -1, 3), aspect="auto",
               interpolation="nearest")
    top.axis("off")
    top.set_title(title or films.captions[i], fontsize=10)
    sns.heatmap(matrix, vmin=0, vmax=1, cmap="Blues", yticklabels=labels or words, ax=under,
                cbar_kws={"label": "attention", "pad": 0.01})
    under.set_xlabel("frame")
    under.tick_params(rotation=0)
    where, own = verbs([films.captions[i]])[0], own_frames(T)
    if where[1].any():
        for rows, frames in zip(where, own, strict=True):
            y, x = rows.nonzero()[:, 0].tolist(), frames.nonzero()[:, 0].tolist()
            under.add_patch(plt.Rectangle((x[0] + 0.04, y[0] + 0.06), len(x) - 0.08, len(y) - 0.12,
                                          fill=False, edgecolor=show.ORANGE, linewidth=2.5))
    most = ", ".join(words[int(row)] for row in matrix.argmax(0)[[0, T - 1]])
    show.figure(fig, f"A film as a row of {T} frames, and under it the attention of each frame to "
                     f"each word of “{films.captions[i]}”; most of it in the first and in the last "
                     f"frame: {most}.")


def attention_table(films, i=0, frame=None):
    """The attention of film i as an HTML table whose cells tell their number to the mouse.

    frame: the one that is marked, if any.
    """
    where, own = verbs([films.captions[i]])[0], own_frames(films.video.shape[1])
    rows = []
    for k, word in enumerate(word for word in films.words[i] if word):
        cells = []
        for t, value in enumerate(films.attention[i][:, k]):
            true = where[1].any() and bool((where[:, k] & own[:, t]).any())
            edge = "#E69F00" if true else "#333" if t == frame else "#eee"
            cells.append(f'<td title="{escape(str(word))}, frame {t}: {value:.2f}" '
                         f'style="width:22px;height:18px;padding:0;border:2px solid {edge};'
                         f'background:rgba(0,114,178,{value:.2f})"></td>')
        size = 1 if frame is None else 0.8 + 0.8 * float(films.attention[i][frame, k])
        rows.append(f'<tr><th style="text-align:right;padding-right:8px;font-size:{size:.2f}em">'
                    f'{escape(str(word))}</th>{"".join(cells)}</tr>')
    return HTML(f'<table style="border-collapse:separate;border-spacing:1px" aria-label="Attention '
                f'of {films.video.shape[1]} frames (columns) to the words (rows)">{"".join(rows)}'
                f'</table>')
