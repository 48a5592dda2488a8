"""Pictures, curves, films and widgets of the course, each with a title and a text for the blind."""

import base64
import io

import ipywidgets as widgets
import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
import torch
from IPython.display import display
from PIL import Image

from lessons.display.media import animated_png, in_colors, mp4, video_player
from lessons.world import captions, scene
from lessons.world.theatre import Theatre

# Okabe and Ito's colours, told apart by colour-blind readers as well (2008, jfly.uni-koeln.de)
BLUE, ORANGE, GREEN, PINK, SKY = "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9"
# the theme of every figure of the course
sns.set_theme(context="paper", style="ticks", palette=[BLUE, ORANGE, GREEN, PINK, SKY],
              font_scale=1.1, rc={"figure.dpi": 90, "axes.spines.top": False,
                                  "axes.spines.right": False})


def figure(fig, alt):
    """Display a matplotlib figure as a picture with alt text, and close it."""
    buffer = io.BytesIO()
    fig.savefig(buffer, format="png", bbox_inches="tight")
    plt.close(fig)
    return picture(buffer.getvalue(), alt)


def picture(png, alt, width=None):
    """Display PNG bytes with alt text: as an image for plain pages, with the text beside it."""
    data = base64.b64encode(png).decode()
    size = {"width": width} if width else {}
    display({"image/png": data, "text/plain": alt},
            metadata={"image/png": {"alt": alt, **size}}, raw=True)


def to_pixels(images):
    """Images as uint8 (N, H, W) or (N, H, W, 3): from float (N, C, H, W) in [-1, 1], or as is."""
    images = torch.as_tensor(images)
    if images.is_floating_point():
        images = ((images.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    if images.dim() == 4 and images.shape[1] in (1, 3):
        images = images.permute(0, 2, 3, 1).squeeze(-1)  # (N, H, W[, 3])
    return images.cpu().numpy()


def images(batch, title, alt, columns=10, zoom=2):
    """A grid of images: float (N, 1 or 3, H, W) in [-1, 1], or uint8 (N, H, W[, 3])."""
    side_by_side({title: batch}, alt, columns, zoom)


def side_by_side(batches, alt, columns=10, zoom=2):
    """Grids of images beside each other: a dict title -> batch, each as for `images`."""
    grids = {title: _grid(to_pixels(batch), columns) for title, batch in batches.items()}
    H, W = next(iter(grids.values())).shape[:2]
    fig, axes = plt.subplots(1, len(grids), squeeze=False,
                             figsize=(len(grids) * (W * zoom / 90 + 0.2), H * zoom / 90 + 0.3))
    for ax, (title, grid) in zip(axes[0], grids.items(), strict=True):
        ax.imshow(grid, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        ax.set_title(title, fontsize=10)
        ax.axis("off")
    figure(fig, alt)


def _grid(pixels, columns):
    """Images uint8 (N, H, W[, 3]) as one picture of several rows."""
    rows = -(-len(pixels) // columns)
    empty = np.zeros_like(pixels[:1]).repeat(rows * columns - len(pixels), axis=0)
    H, W, *colors = pixels.shape[1:]
    tiles = np.concatenate([pixels, empty]).reshape(rows, columns, H, W, *colors)
    return tiles.swapaxes(1, 2).reshape(rows * H, columns * W, *colors)


def contact_sheet(video, titles, alt, every=2):
    """Films as rows of frames: video uint8 (N, T, H, W, 1 or 3), one title a row, every second
    frame."""
    figure(rows_of_frames(video, titles, every), alt)


def rows_of_frames(video, titles, every=2):
    """The figure of `contact_sheet`."""
    N, T, H, W = video.shape[:4]
    video = in_colors(video)
    frames = range(0, T, every)
    fig, axes = plt.subplots(N, 1, figsize=(len(frames) * 1.05, N * 1.32), squeeze=False)
    for ax, clip, title in zip(axes[:, 0], video, titles, strict=True):
        ax.imshow(np.concatenate([clip[t] for t in frames], axis=1), interpolation="nearest")
        ax.vlines(W * np.arange(1, len(frames)) - 0.5, -0.5, H - 0.5, "#999999", linewidth=0.6)
        ax.set_title(title, fontsize=9, loc="left", pad=2)
        ax.axis("off")
    fig.subplots_adjust(hspace=0.18)
    return fig


def seed_spread(ax, runs, measure):
    """Draw a measure of runs, a DataFrame, on an axis: a row for each variant, with a dot for each
    seed, and over them their mean and their range."""
    rows = {"x": measure, "y": "variant", "ax": ax}
    sns.stripplot(runs, **rows, color=BLUE, alpha=0.7, jitter=False)
    sns.pointplot(runs, **rows, errorbar=("pi", 100), linestyle="none", marker="|", markersize=12,
                  color="black", err_kws={"linewidth": 1})
    ax.set(ylabel="")


def curves(lines, title, alt, x="step", y="loss", smooth=1):
    """Line plot: lines is a dict name -> list of numbers; smooth: width of a running mean."""
    fig, ax = plt.subplots(figsize=(6.5, 2.8))
    for (name, values), style in zip(lines.items(), ("-", "--", "-.", ":", "-"), strict=False):
        width = min(smooth, max(1, len(values)))
        ax.plot(np.convolve(values, np.ones(width) / width, "valid"), style, label=name)
    ax.set(title=title, xlabel=x, ylabel=y)
    ax.legend(frameon=False)
    figure(fig, alt)


def film(clips, i=0):
    """Display clip i as a film with sound, under it its caption."""
    display(video_player(mp4(clips.video[i], clips.audio[i], clips.fps, clips.sample_rate),
                         clips.captions[i]))


def moving_picture(clips, i=0):
    """Display clip i as an animated picture without sound: what a plain page can show."""
    picture(animated_png(clips.video[i], clips.fps), f"Animated film: {clips.captions[i]}")


def play_theatre(actor, color, first, then, direction, music, seed=0):
    """Film one scene and show it, with its captions in both languages. then: "-" for nothing."""
    actions = (first,) if then == "-" else (first, then)
    wish = scene.Scene(actor, color, actions, direction, music)
    clips = Theatre().film([wish], seed=seed)
    clips.captions = [captions.describe(wish) + " · " + captions.describe(wish, language="zh")]
    film(clips)


def theatre_player():
    """Widgets to choose a scene by, and the film of it below."""
    def menu(name, options, value=None):
        return widgets.Dropdown(options=list(options), value=value or options[0], description=name)
    choices = {"actor": menu("actor", scene.ACTORS), "color": menu("colour", scene.COLORS),
               "first": menu("action", scene.ACTIONS, "walk"),
               "then": menu("then", ("-", *scene.ACTIONS), "run"),
               "direction": menu("towards", scene.DIRECTIONS, "right"),
               "music": menu("music", scene.MUSIC, "cheerful"),
               "seed": widgets.IntSlider(value=0, min=0, max=20, description="chance",
                                         continuous_update=False)}
    output = widgets.interactive_output(play_theatre, choices)
    display(widgets.HBox([widgets.VBox(list(choices.values())), output]))


class Live:
    """A picture that is drawn anew in its place while a network trains."""

    def __init__(self):
        self.handle = display({"text/plain": "training ..."}, raw=True, display_id=True)

    def __call__(self, batch, title):
        """Show a row of images, float (N, 1, H, W) in [-1, 1], under a title."""
        pixels = np.concatenate(list(to_pixels(batch)), axis=1)
        buffer = io.BytesIO()
        Image.fromarray(pixels.repeat(2, 0).repeat(2, 1)).save(buffer, "PNG")
        data = base64.b64encode(buffer.getvalue()).decode()
        self.handle.update({"image/png": data, "text/plain": title},
                           metadata={"image/png": {"alt": title}}, raw=True)
