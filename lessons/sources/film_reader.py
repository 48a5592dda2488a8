"""A film read as a stream: the pictures and the sound that its pieces of 2 seconds need.

Axes: n pieces, FRAMES frames of H x W pixels with C channels, SAMPLES of sound.
"""

import contextlib
import itertools
import math
import os

import av
import numpy as np

FRAMES, FPS, RATE, SAMPLES = 16, 8, 8000, 16000  # 16 frames at 8 a second, 2 s of 8 kHz mono
PIECES, SHORTEST = 8, 0.5      # at most so many pieces of a clip; seconds that a clip must last
SILENT = 32                    # of 32768: sound that stays below, by 60 dB, is none
TEXTS = ("tty", "concat", "hls", "dash")  # what FFmpeg would show as a film, or a list of files
BROKEN = av.FFmpegError, ValueError  # what decoding a bad file may raise


def _open(path):
    """A file as a container of PyAV; no address is followed, and odd titles do no harm."""
    return av.open(os.path.abspath(path), options={"protocol_whitelist": "file"},
                   metadata_errors="ignore")


def look(path):
    """What a first look at a clip says: why it is left out, or {"ratio": W / H, "color": bool}."""
    try:
        with _open(path) as container:
            if container.format.name in TEXTS:
                return {"out": "not readable as a video: it is a text"}
            if not container.streams.video:
                return {"out": "no video: the file has sound only"}
            stream = container.streams.video[0]
            if (frame := next(container.decode(stream), None)) is None:
                return {"out": "no frames"}
            color = _is_color(frame)
            with contextlib.suppress(*BROKEN):
                if not color and container.duration:  # many films begin in black
                    container.seek(container.duration // 2)
                    color = _is_color(next(container.decode(stream), frame))
            width, height = frame.width * _stretch(stream), frame.height
            ratio = height / width if _turns(frame) % 2 else width / height
            return {"ratio": ratio, "color": color}
    except BROKEN as error:
        return {"out": _unreadable(error)}


def _unreadable(error):
    return f"not readable as a video: {getattr(error, 'strerror', None) or error}"


def _turns(frame):
    """Quarter turns that a telephone's film wants, anticlockwise."""
    return round(getattr(frame, "rotation", 0) / 90) % 4


def _stretch(stream):
    """How wide a pixel of the film is, in its heights."""
    return float(stream.sample_aspect_ratio or 1)


def _is_color(frame):
    pixels = frame.reformat(64, 64, "rgb24").to_ndarray().astype(int)
    return bool((np.ptp(pixels, axis=-1) > 24).mean() > 0.001)  # compression leaves a tint


def read(entry, frame):
    """A clip as (video uint8 (n, FRAMES, H, W, C), audio int16 (n, SAMPLES), heard bool (n,)) and
    sentences on what is missing; None and sentences where nothing can be used."""
    try:
        with _open(entry.path) as container:
            film = Film(container, entry)
            film.read(frame)
    except BROKEN as error:
        return None, [_unreadable(error)]
    video, notes = film.pieces()
    if video is None:
        return None, notes
    audio = np.zeros((len(video), SAMPLES), np.int16)
    try:
        hear(entry.path, film.start + 2 * film.chosen[:len(video)], audio)
    except BROKEN:
        notes.append("sound damaged: from there on the clip is silent")
    if film.short:
        audio[0, round(film.end * RATE):] = 0  # a held frame is silent
    return (video, audio, (abs(audio.astype(np.int32)) > SILENT).any(axis=1)), notes


class Film:
    """The frames of one clip that its pieces need: those on the screen at 0, 1/8, 2/8 ... s of it.

    start: of the clip in its file; end, seconds: how long it lasts, as read and as the file says.
    """

    def __init__(self, container, entry):
        self.container, self.entry = container, entry
        self.stream = container.streams.video[0]
        self.stream.thread_type = "AUTO"
        self.step = 1 / rate if (rate := self.stream.average_rate) else 0
        self.start, self.end, self.seconds = 0.0, 0.0, self._seconds()
        self.whole = max(1, math.ceil(self.seconds * FPS - 0.01) // FRAMES)
        self.chosen = np.linspace(0, self.whole - 1, min(self.whole, PIECES)).round().astype(int)
        self.taken, self.damaged, self.short = [], False, False

    def _seconds(self):
        """How long the clip is by its file's own word; without one its packets are counted."""
        stream, (_, _, first, last, _) = self.stream, self.entry
        if stream.frames and self.step:
            seconds = float(stream.frames * self.step)
        elif stream.duration or self.container.duration:
            seconds = float(stream.duration * stream.time_base if stream.duration
                            else self.container.duration / 1e6)
        else:
            with _open(self.entry.path) as again:
                seconds = float(stream.time_base * max(
                    (packet.pts or 0) + (packet.duration or 0) for packet in again.demux(video=0)))
        end = seconds if last is None else min(seconds, last * self.step)
        return float(end - (first or 0) * self.step)

    def read(self, frame):
        """Decode until all frames wanted are taken, as uint8 (H, W, C), or the clip ends."""
        # (n, FRAMES) -> (n * FRAMES,) in seconds
        wanted = ((self.chosen[:, None] * FRAMES + np.arange(FRAMES)) / FPS).ravel()
        held = None
        try:
            for time, picture in self._frames():
                self.start = time if held is None else self.start
                self.end = time - self.start
                for _ in range(np.searchsorted(wanted, self.end - 0.001) - len(self.taken)):
                    self.taken.append(_pixels(held, _stretch(self.stream), frame))
                held = picture
                if len(self.taken) == len(wanted):
                    return
        except BROKEN:
            self.damaged = True

    def _frames(self):
        """(time, picture) from first to last, then the time when the clip ends with None.

        A picture without a proper time follows the one before by the frame rate.
        """
        _, _, first, last, _ = self.entry
        time = end = -self.step
        try:
            for number, picture in enumerate(self.container.decode(self.stream)):
                late = picture.time is not None and (picture.time > time or not number)
                time = float(picture.time if late else time + self.step)
                if last is not None and number >= last:
                    end = time
                    break
                if picture.is_corrupt and number:
                    raise ValueError("corrupt")
                lasts = getattr(picture, "duration", 0) * (picture.time_base or 0)
                end = time + float(lasts or self.step)
                if number >= (first or 0):
                    yield time, picture
        except BROKEN:
            yield end, None
            raise
        yield end, None

    def pieces(self):
        """(video uint8 (n, FRAMES, H, W, C), sentences), or (None, sentences) without a piece."""
        notes, missing = [], len(self.taken) < FRAMES * len(self.chosen)
        if self.damaged or missing and self.end < self.seconds - 0.5:
            notes.append(f"damaged or cut off: only its first {self.end:.1f} seconds can be read")
        if not self.taken or self.end < SHORTEST - 0.001:
            return None, [*notes, f"too short: it lasts {max(0, self.end):.2f} seconds, less than "
                          f"{SHORTEST}"]
        self.short = len(self.taken) < FRAMES
        if self.short:
            notes.append("shorter than 2 seconds: its last frame is held, in silence")
            self.taken += self.taken[-1:] * (FRAMES - len(self.taken))
        elif self.whole > PIECES:
            notes.append(f"longer than 16 seconds: {PIECES} pieces spread over its "
                         f"{self.seconds:.0f} seconds are used")
        elif not notes and (rest := self.seconds - 2 * self.whole) >= SHORTEST:
            notes.append(f"its end fills no piece of 2 seconds: {rest:.1f} seconds are not used")
        taken = self.taken[:len(self.taken) // FRAMES * FRAMES]
        return np.stack(taken).reshape(-1, FRAMES, *taken[0].shape), notes  # (n, FRAMES, H, W, C)


def _pixels(picture, stretch, frame):
    """A picture uint8 (H, W, C) that covers the frame; what is over on two sides is cut off."""
    H, W, C = frame
    turns = _turns(picture)
    h, w = (W, H) if turns % 2 else (H, W)
    scale = max(h / picture.height, w / (picture.width * stretch))
    high = max(h, round(picture.height * scale))
    wide = max(w, round(picture.width * stretch * scale))
    rgb = picture.reformat(wide, high, "rgb24", interpolation="AREA").to_ndarray()
    top, left = (high - h) // 2, (wide - w) // 2
    rgb = np.rot90(rgb[top:top + h, left:left + w], turns)
    return rgb if C == 3 else rgb.mean(axis=-1, keepdims=True).round().astype(np.uint8)


def hear(path, starts, audio):
    """Lay the sound of a file into audio int16 (n, SAMPLES), pieces that start at starts (n,) s.

    Of several channels the resampler makes a mix: centre whole, front 0.7, rear 0.5. A fader at
    0.7 turns that of two channels into their mean; six may be too loud together and are clipped.
    """
    starts, position = (starts * RATE).round().astype(int), None
    with _open(path) as container:
        if not container.streams.audio:
            return
        fader = 1.0 if container.streams.audio[0].channels == 1 else 0.5 ** 0.5
        resampler = av.AudioResampler("fltp", "mono", RATE)
        for block in itertools.chain(container.decode(audio=0), [None]):
            for part in resampler.resample(block):
                at = 0 if part.time is None else round(part.time * RATE)
                if position is None or part.time is not None and abs(at - position) > RATE // 20:
                    position = at  # a gap; where it is smaller, times are only rounded
                samples = part.to_ndarray().ravel() * fader * 32768
                samples = samples.round().clip(-32768, 32767).astype(np.int16)
                for piece, start in zip(audio, starts, strict=True):
                    _lay(piece, samples, position - start)
                position += len(samples)
            if position is not None and position > starts[-1] + SAMPLES:
                return


def _lay(piece, samples, at):
    """Write samples to a piece from place at on, as far as they lie in it."""
    room = piece[max(0, at):max(0, at + len(samples))]
    room[:] = samples[max(0, -at):][:len(room)]
