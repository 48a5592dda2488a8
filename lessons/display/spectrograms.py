"""Sound as a picture and as a player."""

import html

import matplotlib.pyplot as plt
import numpy as np
import torch
from IPython.display import HTML, Audio

from lessons.display import show
from lessons.signals.clip import FPS, FRAMES, RATE
from lessons.signals.spectrogram import spectrogram


def spectrogram_under_film(clips, i=0, seen=(), title=None):
    """Show film i over its spectrogram, with a dotted line at each second of `seen`.

    clips: of the theatre or of `text_to_video.film`. The film is a row of its 16 frames.
    """
    film, wave = clips.video[i], torch.as_tensor(clips.audio[i:i + 1])
    fig, (top, under) = plt.subplots(2, 1, figsize=(9.6, 2.9), layout="constrained",
                                     height_ratios=(0.6, 2))
    top.imshow(film.swapaxes(0, 1).reshape(film.shape[1], -1, 3), aspect="auto")  # (H, T W, 3)
    top.axis("off")
    top.set_title(title or clips.captions[i], fontsize=10)
    draw_levels(under, spectrogram(wave)[0])
    for second in seen:
        under.axvline(second, color="white", linestyle=":", linewidth=1.2)
    show.figure(fig, f"A film as a row of frames and under it the spectrogram of its sound: "
                     f"“{clips.captions[i]}”; feet land at "
                     + (", ".join(f"{second:.2f}" for second in seen) or "no") + " seconds.")


def draw_levels(ax, picture):
    """Draw one spectrogram (B, C) on a matplotlib axis: seconds from left, kHz from below."""
    ax.imshow(picture, origin="lower", aspect="auto", vmin=0, vmax=2, cmap="cividis",
              extent=(0, FRAMES / FPS, 0, RATE / 2000))
    ax.set(xlabel="seconds", ylabel="kHz")


def audio_player(wave, label):
    """A player of a wave (S,), -1 to 1, as an HTML element with a label."""
    label = html.escape(label, quote=True)
    player = Audio(np.asarray(wave), rate=RATE, normalize=False)._repr_html_()
    player = player.replace("<audio", f'<audio aria-label="Sound: {label}"')
    return HTML(f'<figure style="margin:0">{player}<figcaption>{label}</figcaption></figure>')
