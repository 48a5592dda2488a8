"""A film read as a stream: the pictures and the sound that its pieces of 2 seconds need.

A file's header is often wrong, so its packets are counted first; then only those are decoded that
the pieces need.

Axes: n pieces, FRAMES frames of H x W pixels with C channels, SAMPLES of sound.
"""

import io
import itertools
import math
import os
import re

import av
import numpy as np

from lessons.signals.clip import FPS, FRAMES, RATE, SAMPLES

PIECES, SHORTEST = 8, 0.5      # at most so many pieces of a clip; seconds that a clip must last
SILENT = 32                    # of 32768: sound that stays below, by 60 dB, is none
TEXTS = ("tty", "concat", "hls", "dash")  # what FFmpeg would show as a film, or a list of files
BROKEN = av.FFmpegError, ValueError  # what decoding a bad file may raise
LARGEST = 8192 * 4320          # pixels of a frame: 8K
PACKETS = 500_000              # of the picture that are counted: over 5 hours at 25 a second
WORK = 4e10                    # pixels that are decoded of one film: 20,000 frames of 1080p
SOUND = 1e9                    # samples that are decoded of it: 3 hours of 48 kHz in stereo
HOLE = 2.0                     # seconds without a new picture that count as a gap
WHOLE = 2 ** 27                # bytes of an FLV in which another one, joined to it, is found
FLV = re.compile(rb"FLV\x01[\0-\5]\0\0\0\x09\0{4}")  # how a film in Flash's format begins


class TooLarge(ValueError):
    """A film that would take more time or memory than is given to one."""


def _open(source):
    """A file (a path, or its bytes) as a container of PyAV that follows no address."""
    file = io.BytesIO(source) if isinstance(source, bytes) else os.path.abspath(source)
    with _stream(source) as stream:
        if FLV.match(head := stream.read(13)):
            films = FLV.split(stream.read(WHOLE))
            if films[1:] and not stream.read(1):  # FFmpeg ends where the second one begins
                file = io.BytesIO(head + b"".join(films))
    return av.open(file, metadata_errors="ignore", options={
        "protocol_whitelist": "file", "max_pixels": str(LARGEST)})


def _stream(source):
    return io.BytesIO(source) if isinstance(source, bytes) else open(source, "rb")


class Film:
    """The picture of one film, surveyed: which stream, and when it has something to show.

    source: a path or bytes; first, last: frames that are used, from 0, last excluded. spans: its
    stretches without a gap, [(part, start, end), ...], seconds of the file, counted anew in each
    part of a joined one. missing: seconds that it claims to have beyond what is there. Raises one
    of BROKEN for what cannot be read.
    """

    def __init__(self, source, first=None, last=None):
        self.source, self.damaged, self.decoded, self.end = source, "", 0, None
        with _open(source) as container:
            kind = container.format.name
            _must_be_film(container)
            self.index, rows, end, reached = self._survey(container)
            stream = container.streams[self.index]
            self.unit = float(stream.time_base)
            self.stretch = float(stream.sample_aspect_ratio or 1)  # width of a pixel, in its height
            raw = container.start_time is None and stream.codec_context.framerate
            rate = raw or stream.average_rate or stream.guessed_rate or 25
            if kind == "avi" and (rows[:, 0] != rows[:, 1]).any():
                rows[:, 0] = math.nan  # it has no times, and what FFmpeg guesses is wrong
            self.spans = self._timeline(rows, 1 / float(rate), first, last)
            claimed = end
            if kind == "avi":
                claimed = stream.frames / float(rate)
            elif kind == "flv":  # it ends silently where another one was joined to it
                claimed *= container.size / reached
            elif kind.startswith(("mov", "matroska")):
                claimed = ((container.duration or 0) + max(0, container.start_time or 0)) / 1e6
            self.missing = claimed - end
            self.loops = kind in ("gif", "apng") and _loops(source)

    @property
    def seconds(self):
        """How long there is something to see."""
        return sum(end - start for _, start, end in self.spans)

    def _survey(self, container):
        """The number of the best video stream, its packets, when the last stream ends, in seconds,
        and how many bytes of the file were read.

        A packet: time of its picture, time of its decoding, seconds, is key, is shown; NaN where
        the file does not say. The best stream moves, and is the largest; a cover picture is none.
        """
        videos = {stream.index: stream for stream in container.streams.video
                  if not int(getattr(stream, "disposition", 0)) & 0x400}  # an attached picture
        units = {stream.index: float(stream.time_base or 0) for stream in container.streams}
        rows, end, reached = {index: [] for index in videos}, 0.0, 1
        try:
            for packet in container.demux():
                if not (size := packet.size) or not (unit := units[index := packet.stream_index]):
                    continue
                pts, dts, lasts = packet.pts, packet.dts, (packet.duration or 0) * unit
                pts, dts = (math.nan if at is None else at * unit for at in (pts, dts))
                end = max(end, pts + lasts)
                reached = max(reached, (packet.pos or 0) + size)
                if (found := rows.get(index)) is not None:
                    found.append((pts, dts, lasts, packet.is_keyframe, not packet.is_discard))
                    if len(found) == PACKETS:
                        break
        except BROKEN:
            pass  # what lies before is used, and what the file claims beyond it is missing
        if not videos:
            raise ValueError("no video: the file has sound only")
        best = max(videos, key=lambda index: (len(rows[index]) > 1,
                                              videos[index].width * videos[index].height))
        if not rows[best]:
            raise ValueError("no frames")
        return best, np.array(rows[best], np.float64), end, reached

    def _timeline(self, rows, step, first, last):
        """Spans of the frames from first to last; keeps what `_runs` needs of the packets."""
        pts, dts, lasts, key, shown = rows.T
        self.timed = not np.isnan(pts).any()
        pts = np.where(np.isnan(pts), dts, pts)
        if np.isnan(pts).any():  # a raw stream
            pts = dts = np.arange(len(pts)) * step
        known = np.flatnonzero(~np.isnan(dts))
        # decoding goes on in time, but where a file was joined to another
        joins = known[1:][np.diff(dts[known]) < -0.5]
        self.part = np.searchsorted(joins, np.arange(len(pts)), "right")
        self.time, self.key = pts, key > 0
        shown = (shown > 0) & (np.cumsum(self.key) > 0 if self.key.any() else True)
        order = np.lexsort((pts[shown], self.part[shown]))
        part, pts, lasts = (row[shown][order] for row in (self.part, pts, lasts))
        steps = np.diff(pts)[np.diff(part) == 0]
        self.step = float(np.median(steps[steps > 1e-6])) if (steps > 1e-6).any() else step
        hole = max(HOLE, 4 * self.step)
        lasts = np.where((lasts > 0) & (lasts <= hole), lasts, self.step)
        ends = np.append(pts[1:], np.inf)
        ends = np.where((np.append(part[1:], -1) != part) | (ends - pts > hole), pts + lasts, ends)
        part, pts, ends = part[first:last], pts[first:last], ends[first:last]
        cuts = np.flatnonzero((pts[1:] != ends[:-1]) | (np.diff(part) != 0)) + 1
        return [(int(part[some[0]]), float(pts[some[0]]), float(ends[some[-1]]))
                for some in np.split(np.arange(len(pts)), cuts) if len(some)]

    def _runs(self, moments):
        """Which packets show the moments, sorted (part, time): a list of [first, last, moment that
        is seen last]. A run begins with a key frame."""
        runs = []
        for part, time in moments:
            inside = np.flatnonzero((self.part == part) & (self.time <= time + 1e-3))
            keys = inside[self.key[inside]]
            begin = keys[np.argmax(self.time[keys])] if len(keys) else \
                np.argmax(self.part == part)
            stop = inside.max(initial=begin)
            if not self.timed:  # they come in any order
                begin, stop = np.argmax(self.key), min(stop + 32, len(self.time) - 1)
            if runs and begin <= runs[-1][1] + 1:
                runs[-1][1:] = max(stop, runs[-1][1]), (part, time)
            else:
                runs.append([int(begin), int(stop), (part, time)])
        return runs

    def pictures(self, moments):
        """The picture on the screen at each moment (part, seconds), sorted, until one is missing:
        then `damaged` says why."""
        waiting, held = list(moments)[::-1], None
        try:
            for moment, picture in self._frames(moments):
                while waiting and waiting[-1] < moment and (held or picture):
                    yield held or picture
                    waiting.pop()
                held, self.end = picture or held, moment
                if not waiting:
                    return
        except BROKEN as error:
            self.damaged = str(error) if isinstance(error, TooLarge) else "damaged"

    def _frames(self, moments):
        """((part, time), picture) of the runs; after each run ((part, time just behind), None)."""
        read = 0
        with _open(self.source) as container:
            stream = container.streams[self.index]
            stream.thread_type = "SLICE"  # threads by frames hold many in memory
            coder = stream.codec_context
            coder.options = {"max_pixels": str(LARGEST)}
            packets = (packet for packet in container.demux(stream) if packet.size)
            for begin, stop, seen in self._runs(moments):
                part, clean = int(self.part[begin]), self.time[begin]
                time = None if self.timed else clean - self.step
                run = itertools.islice(packets, begin - read, stop + 1 - read)
                for picture in itertools.chain.from_iterable(
                        map(coder.decode, itertools.chain(run, [None]))):
                    part, time = self._moment(picture, part, time)
                    if picture.is_corrupt and time > clean:
                        raise ValueError("corrupt")
                    yield (part, time - 1e-3), picture
                if self.timed or seen[1] < time + 1.5 * self.step:
                    yield (seen[0], seen[1] + 1e-3), None
                coder.flush_buffers()
                read = stop + 1

    def _moment(self, picture, part, time):
        """(part, time) of a picture that comes after the one at (part, time): where it has no
        proper time it follows by the frame rate."""
        self.decoded += picture.width * picture.height + 60_000  # what a frame costs besides
        if self.decoded > WORK:
            raise TooLarge("it takes too long to decode")
        now = None if picture.pts is None else picture.pts * self.unit
        if time is None:
            return part, now or 0.0
        if now is not None and now < time - 0.5:
            return part + 1, now
        proper = now is not None and now > time + (0 if self.timed else HOLE)
        return part, now if proper else time + self.step


def _must_be_film(container):
    if container.format.name in TEXTS:
        raise ValueError("it is a text")
    if container.format.name.startswith("webp"):
        raise ValueError("WebP cannot be read here, save it as GIF or MP4")
    frames = max((stream.frames for stream in container.streams), default=0)
    if container.format.name.startswith("mov") and frames > container.size > 0:
        raise TooLarge(f"it claims {frames} frames, more than it has bytes")
    sizes = [(stream.width, stream.height) for stream in container.streams.video]
    if sizes and (0, 0) == max(sizes) or any(w * h > LARGEST for w, h in sizes):
        raise TooLarge("its frames have no size, or more than 8192 x 4320 pixels")


def _loops(source):
    """Whether a GIF or an animated PNG says that it is to be repeated."""
    with _stream(source) as file:
        start = file.read(2 ** 16)
    return any(mark in start for mark in (b"NETSCAPE2.0", b"ANIMEXTS1.0", b"acTL"))


def look(source, first=None, last=None):
    """What a first look at a clip says: why it is left out, or {"ratio": W / H, "color": bool}."""
    try:
        film = Film(source, first, last)
        if not film.spans:
            return {"out": "too short: it has no frame in this range"}
        part, start, end = film.spans[len(film.spans) // 2]  # many films begin in black
        moments = [film.spans[0][:2], (part, (start + end) / 2)]
        if not (seen := list(film.pictures(moments))):
            return {"out": _unreadable(film.damaged or "it has no pictures")}
    except BROKEN as error:
        return {"out": _unreadable(error)}
    picture = seen[0]
    ratio = picture.width * film.stretch / picture.height
    pixels = np.stack([picture.reformat(64, 64, "rgb24").to_ndarray() for picture in seen])
    tints = np.ptp(pixels, axis=-1) > 24  # compression leaves less
    return {"ratio": 1 / ratio if _matrix(picture)[0] else ratio,
            "color": bool((tints.mean((1, 2)) > 0.001).any())}


def _unreadable(error):
    why = str(getattr(error, "strerror", None) or error)
    if isinstance(error, TooLarge):
        return f"too large: {why}"
    return why if why.startswith("no ") else f"not readable as a video: {why}"


def _matrix(picture):
    """How players lay a picture: (are its axes exchanged, is it mirrored, is it upside down), by
    x' = a x + c y, y' = b x + d y (ISO 14496-12, 8.3.2), a turn as the nearest quarter."""
    side = [data for data in picture.side_data if data.type.name == "DISPLAYMATRIX"]
    a, b, _, c, d = np.frombuffer(bytes(side[0]), "<i4")[:5] if side else (1, 0, 0, 0, 1)
    exchanged = max(abs(int(b)), abs(int(c))) > max(abs(int(a)), abs(int(d)))
    return (True, c < 0, b < 0) if exchanged else (False, a < 0, d < 0)


def read(entry, frame, fit="crop"):
    """A clip as (video uint8 (n, FRAMES, H, W, C), audio int16 (n, SAMPLES), heard bool (n,)) and
    sentences on what is missing; None and sentences where nothing can be used.

    entry: has path (or bytes), first and last; fit: "crop" fills the frame and cuts off what is
    over on two sides, "pad" shows all of the picture between black bars.
    """
    try:
        film = Film(entry.path, entry.first, entry.last)
    except BROKEN as error:
        return None, [_unreadable(error)]
    starts, phases, notes = _pieces(film)
    if not len(starts):
        return None, notes
    # (n, 1, 2) + (FRAMES, 2) -> (n FRAMES, 2)
    order = np.argsort(phases, kind="stable")
    moments = [(part, start + phase) for part, start in starts for phase in phases[order]]
    pictures = [_pixels(picture, film.stretch, frame, fit, notes)
                for picture in film.pictures(moments)]
    notes = list(dict.fromkeys(notes))  # each picture said what it loses
    if film.damaged or len(pictures) < len(moments) or film.missing > max(0.25, 2 * film.step):
        notes.insert(0, _damage(film))
    if not (n := len(pictures) // FRAMES):
        return None, notes
    # (n FRAMES, H, W, C) -> (n, FRAMES, H, W, C)
    video = np.stack(pictures[:n * FRAMES]).reshape(n, FRAMES, *frame)[:, np.argsort(order)]
    audio = np.zeros((n, 2, SAMPLES), np.float32)
    try:
        hear(entry.path, starts[:n], audio)
    except BROKEN as error:
        why = "too long" if isinstance(error, TooLarge) else "damaged"
        notes.append(f"sound {why}: from there on the clip is silent")
    if film.seconds < SAMPLES / RATE:
        audio[..., round(film.seconds * RATE):] = 0  # a held frame is silent
    audio = _mono(audio)
    return (video, audio, (abs(audio.astype(np.int32)) > SILENT).any(axis=1)), notes


def _damage(film):
    if film.damaged not in ("", "damaged"):
        return f"too large: {film.damaged}, only what could be decoded before is used"
    seconds = film.seconds
    if film.damaged:  # from the last picture on; with gaps before it, those count too
        seconds = max(0.0, film.end[1] - film.spans[0][1]) if film.end else 0.0
    return f"damaged or cut off: only its first {seconds:.1f} seconds can be read"


def _pieces(film):
    """Where the pieces of a film begin, a list of (part, time), the seconds in a piece at which its
    frames are taken (FRAMES,), and sentences."""
    phases, notes, starts = np.arange(FRAMES) / FPS, [], []
    for part, start, end in film.spans:
        whole = math.ceil((end - start) * FPS - 0.01) // FRAMES
        starts += [(part, start + 2 * k) for k in range(whole)]
    if len(film.spans) > 1:
        notes.append(f"gaps or joins: its {len(film.spans)} stretches without one are used, "
                     f"{film.seconds:.1f} seconds in all")
    if not starts:
        part, start, end = max(film.spans, key=lambda span: span[2] - span[1], default=(0, 0, 0))
        length = end - start
        if film.loops and length > 1.5 * film.step:
            phases = phases % length
            notes.append(f"a loop of {length:.2f} seconds: it is repeated until 2 seconds are full")
        elif length < SHORTEST - 0.001:
            return [], phases, [*notes, f"too short: it lasts {length:.2f} seconds, less than "
                                        f"{SHORTEST}"]
        else:
            phases = np.minimum(phases, length - 0.002)
            notes.append("shorter than 2 seconds: its last frame is held, in silence")
        starts = [(part, start)]
    elif len(starts) > PIECES:
        starts = [starts[k] for k in np.linspace(0, len(starts) - 1, PIECES).round().astype(int)]
        notes.append(f"longer than 16 seconds: {PIECES} pieces spread over its "
                     f"{film.seconds:.0f} seconds are used")
    elif len(film.spans) == 1 and (rest := film.seconds - 2 * len(starts)) >= SHORTEST:
        notes.append(f"its end fills no piece of 2 seconds: {rest:.1f} seconds are not used")
    return starts, phases, notes


def _pixels(picture, stretch, frame, fit, notes):
    """A picture uint8 (H, W, C) as `read` fits it; notes: what is lost is said there."""
    H, W, C = frame
    exchanged, mirrored, upside_down = _matrix(picture)
    h, w = (W, H) if exchanged else (H, W)
    sides = h / picture.height, w / (picture.width * stretch)
    scale = min(sides) if fit == "pad" else max(sides)
    if fit == "crop" and (lost := 1 - min(sides) / max(sides)) > 0.05:
        side = "width" if (sides[0] > sides[1]) != exchanged else "height"
        notes.append(f"cropped: {100 * lost:.0f} % of its {side} is cut off, --fit pad keeps it")
    high, wide = (max(1, round(side * scale)) for side in
                  (picture.height, picture.width * stretch))
    hdr = getattr(picture, "color_trc", 0) in TRANSFERS
    rgb = picture.reformat(wide, high, "rgb48le" if hdr else "rgb24",
                           interpolation="AREA").to_ndarray()
    rgb = _tone_mapped(rgb / 65535, TRANSFERS[picture.color_trc], notes) if hdr else rgb
    rgb = _centred(rgb, h, w)
    rgb = rgb.swapaxes(0, 1) if exchanged else rgb                             # (H, W, 3)
    rgb = rgb[::-1 if upside_down else 1, ::-1 if mirrored else 1]
    return rgb if C == 3 else rgb.mean(axis=-1, keepdims=True).round().astype(np.uint8)


def _centred(rgb, h, w):
    """The middle h x w pixels of a picture, with black where it is smaller."""
    room = [max(0, side - has) for side, has in zip((h, w, 3), rgb.shape, strict=True)]
    rgb = np.pad(rgb, [(less // 2, less - less // 2) for less in room])
    top, left = (rgb.shape[0] - h) // 2, (rgb.shape[1] - w) // 2
    return rgb[top:top + h, left:left + w]


# High dynamic range -----------------------------------------------------------------------------
def _pq(signal):
    """SMPTE ST 2084: a signal in [0, 1] -> light, 1 being white on paper (203 cd/m2)."""
    power = signal ** (32 / 2523)
    return 10000 / 203 * (np.maximum(power - 0.8359375, 0)
                          / (18.8515625 - 18.6875 * power)) ** (8192 / 1305)


def _hlg(signal):
    """ARIB STD-B67 (BT.2100): a signal in [0, 1] -> light on a screen of 1000 cd/m2, over 203."""
    scene = np.where(signal <= 0.5, signal ** 2 / 3,
                     (np.exp((signal - 0.55991073) / 0.17883277) + 0.28466892) / 12)
    luma = scene @ np.array([0.2627, 0.678, 0.0593])
    return 1000 / 203 * scene * np.maximum(luma, 1e-6)[..., None] ** 0.2


TRANSFERS = {16: _pq, 18: _hlg}  # FFmpeg's numbers of the transfer functions
TO_709 = np.array([[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083],
                   [-0.0182, -0.1006, 1.1187]])  # BT.2087: colours of BT.2020 for a common screen


def _tone_mapped(signal, to_light, notes):
    """HDR pixels in [0, 1] (H, W, 3) -> uint8: light above 3/4 of white is bent towards white."""
    notes.append("HDR: brought to the range of a common screen")
    light = np.maximum(to_light(signal) @ TO_709.T, 0)
    bent = np.where(light < 0.75, light, 1 - 0.25 * np.exp(3 - 4 * light))
    return (255 * bent ** (1 / 2.2)).round().astype(np.uint8)


# Sound ------------------------------------------------------------------------------------------
def hear(source, starts, audio):
    """Lay the sound of a file into audio float32 (n, 2, SAMPLES), left and right, in [-1, 1].

    starts: n moments (part, seconds). Of more channels the resampler makes two: front whole, centre
    and rear 0.7.
    """
    places, part, position = [round(start * RATE) for _, start in starts], 0, None
    decoded = 0
    with _open(source) as container:
        if (stream := container.streams.best("audio")) is None:
            return
        fader = 2 ** 0.5 if stream.channels == 1 else 1.0  # it gives each side 0.7 of one channel
        resampler = av.AudioResampler("fltp", "stereo", RATE)
        for block in itertools.chain(container.decode(stream), [None]):
            decoded += 1000 + (block.samples * stream.channels if block else 0)
            if decoded > SOUND:
                raise TooLarge("its sound")
            for some in resampler.resample(block):
                at = 0 if some.time is None else round(some.time * RATE)
                if position is None or some.time is not None and abs(at - position) > RATE // 20:
                    part += position is not None and at < position - RATE // 2
                    position = at  # a gap; where it is smaller, times are only rounded
                samples = some.to_ndarray() * fader                            # (2, samples)
                for piece, start, (where, _) in zip(audio, places, starts, strict=True):
                    if where == part:
                        _lay(piece, samples, position - start)
                position += samples.shape[1]
            if position is not None and (part, position) > (starts[-1][0], places[-1] + SAMPLES):
                return


def _lay(piece, samples, at):
    """Write samples (2, ...) to a piece from place at on, as far as they lie in it."""
    room = piece[:, max(0, at):max(0, at + samples.shape[1])]
    room[:] = samples[:, max(0, -at):][:, :room.shape[1]]


def _mono(audio):
    """(n, 2, SAMPLES) -> int16 (n, SAMPLES): the mean of both sides, or the louder one where they
    cancel each other, as where one was recorded upside down."""
    mixed, power = audio.mean(1), np.square(audio).mean((0, 2))                # (2,)
    if np.square(mixed).mean() < 0.01 * power.max():
        mixed = audio[:, power.argmax()]
    return (mixed * 32768).round().clip(-32768, 32767).astype(np.int16)
