"""The scores of each model of the course, each by judges that it never trained against."""

import functools

import numpy as np
import torch
from torch.nn import functional as F

from lessons import measuring
from lessons.audio import av_align, sync
from lessons.judges import clips, pictures, sound
from lessons.judges.clips import clip_judge, obeyed, read_clips
from lessons.judges.gait import STEPS, Twin, phase_judge, places, read_frames, stepping_scenes
from lessons.judges.sound import (
    decibels,
    footfall_judge,
    motion_peaks,
    onsets,
    read_footfalls,
    read_sounds,
    sound_judge,
)
from lessons.judges.voices import agreement, read_digits, read_moves, read_voices
from lessons.measuring import (
    coverage,
    flicker,
    frame_change,
    frechet_distance,
    leg_sharpness,
    sharpness,
    spread_of_phase,
    spread_of_place,
)
from lessons.signals import windows
from lessons.sources import moving_digits
from lessons.temporal_consistency import (
    cadence,
    inside,
    jerk,
    leap,
    restless,
    same_actor,
    warping_error,
)
from lessons.text_conditioning import SHOWN, compatible, draw_pictures, prefers
from lessons.text_to_video import film
from lessons.world import captions, theatre, vocabulary
from lessons.world.flow import exact_flow
from lessons.world.scene import ACTORS, COLORS, DIRECTIONS, Scene
from lessons.world.theatre import Theatre
from lessons.world.vocabulary import ATTRIBUTES, encode, kinds_of, meanings


def score_films(make, n=1024, seed=20_000, size=48):
    """The numbers of the scoreboard for a model, in a dict of floats.

    make(texts, count, seed) -> uint8 (N, 16, size, size, 3), `count` films of each caption in a
    row. n: captions of each split, all in the plain form, in both languages.

    "train", "heldout": the share of English captions that the judge finds obeyed in everything;
    with " zh" their Chinese twins, with " one" and " two" those of one or two actions. Apart from
    "frechet", "floor" (the same distance between real films) and "coverage", all others are
    ratios to real films of the same scenes: 1 is best.
    """
    judge, theatre, scores = clip_judge(), Theatre(size), {}
    for split in ("train", "heldout"):
        scenes = theatre.scenes(n, seed, split)
        for language, mark in (("en", ""), ("zh", " zh")):
            texts = [captions.describe(scene, language=language) for scene in scenes]
            video = make(texts, 1, seed)
            reading = read_clips(judge, video)
            found = obeyed(reading, texts)
            scores[split + mark] = float(found["all"].mean())
            if not mark:
                two = torch.tensor([len(scene.actions) == 2 for scene in scenes])
                scores[split + " one"] = float(found["all"][~two].mean())
                scores[split + " two"] = float(found["all"][two].mean())
                scores |= {f"{split} {name}": float(found[name].mean()) for name in ATTRIBUTES}
            if split + mark == "train":
                real = theatre.film(scenes, seed + 1).video
                many = read_clips(judge, theatre.sample(2 * n, seed + 2).video)["features"]
                twin = read_clips(judge, real)["features"]
                scores["frechet"] = frechet_distance(reading["features"], many)
                scores["floor"] = frechet_distance(twin, many)
                scores["coverage"] = coverage(reading["features"], many)
                scores["dynamics"] = float(frame_change(video).mean() / frame_change(real).mean())
                scores["flicker"] = flicker(video) / flicker(real)
                scores["sharpness"] = sharpness(video) / sharpness(real)
    return scores | _variety(judge, make, theatre, seed) | _legs(make, theatre, seed)


def _variety(judge, make, theatre, seed, films=32):
    """Spread of place and phase among films of one caption, relative to that of real ones."""
    scenes = [scene for scene in theatre.scenes(200, seed)
              if len(scene.actions) == 1 and scene.actions[0] != "stand"][:16]
    made = make([captions.describe(scene) for scene in scenes], films, seed)
    real = theatre.film([scene for scene in scenes for _ in range(films)], seed).video
    spreads = []
    for video in (made, real):
        groups = range(0, len(video), films)
        phases = read_clips(judge, video)["phase"]
        spreads.append((np.mean([spread_of_place(video[i:i + films]) for i in groups]),
                        np.mean([spread_of_phase(phases[i:i + films]) for i in groups])))
    (place_made, phase_made), (place_real, phase_real) = spreads
    return {"variety of place": float(place_made / place_real),
            "variety of phase": float(phase_made / phase_real)}


def _legs(make, theatre, seed, films=64):
    """Sharpness of running legs, relative to real ones."""
    scenes = [scene for scene in theatre.scenes(20 * films, seed)
              if scene.actions == ("run",)][:films]
    made = make([captions.describe(scene) for scene in scenes], 1, seed)
    return {"legs": leg_sharpness(made) / leg_sharpness(theatre.film(scenes, seed).video)}


@functools.lru_cache(4)
def fresh(n, seed=30_000):
    """n real pictures that no network has seen, (n, 3, 28, 28), and their captions."""
    scenes = Theatre.scenes(n, seed)
    return (windows.as_pictures(theatre.first_frames(scenes, seed)),
            [captions.describe(scene) for scene in scenes])


@torch.no_grad()
def reads_captions(discriminator, n=1000, by_match=False):
    """How often D gives a fresh real picture's own caption more than a wrong one, the next
    picture's: 0 to 1, where 0.5 means that it does not look at captions.

    by_match: compare not its logits but the products that `Contrastive` trains.
    """
    pictures, texts = fresh(n)
    rows = torch.arange(n)
    truly = ~compatible(meanings(texts)[:, SHOWN])[rows, rows.roll(-1)]
    right, _, wrong, seen, sentence, _ = discriminator(pictures, encode(texts))
    if by_match:
        right, wrong = (F.cosine_similarity(seen, part) for part in (sentence,
                                                                     sentence.roll(-1, 0)))
    return prefers(right[truly], wrong[truly])


def obeys(generator, texts, seed=20_000):
    """The share of pictures, one a caption, that show all three of `vocabulary.SEEN` as said."""
    read, _ = pictures.read_pictures(pictures.picture_judge(),
                                      draw_pictures(generator, texts, seed))
    return float(clips.follows(read, vocabulary.asked_seen(texts)).mean())


def score_pictures(generator, n=1000, seed=20_000):
    """What the judge of pictures reads in those of a generator, as a dict of floats.

    "train", "heldout": share that show all three of `vocabulary.SEEN` as the caption says, of n
    captions each; " zh" for Chinese ones; "train actor" and so on for each. "frechet": distance to
    real pictures, "floor": that of other real ones.
    """
    judge, scores, features = pictures.picture_judge(), {}, []
    for split in ("train", "heldout"):
        scenes = Theatre.scenes(n, seed, split)
        for language, mark in (("en", ""), ("zh", " zh")):
            texts = [captions.describe(scene, language=language) for scene in scenes]
            read, found = pictures.read_pictures(judge, draw_pictures(generator, texts, seed))
            said = vocabulary.asked_seen(texts)
            scores[split + mark] = float(clips.follows(read, said).mean())
            if not mark:
                scores |= {f"{split} {name}": float(part.float().mean())
                           for name, part in zip(vocabulary.SEEN, (read == said).T, strict=True)}
                features.append(found)
    real = [pictures.read_pictures(judge, windows.as_pictures(theatre.first_frames(
        Theatre.scenes(n, s), s)))[1] for s in (seed + 1, seed + 2)]
    return scores | {"frechet": measuring.frechet_distance(features[0], real[0]),
                     "floor": measuring.frechet_distance(real[1], real[0])}


def score_model(model):
    """The numbers of the scoreboard for a `FilmModel` of the theatre: see `scores.score_films` and,
    where it has sound, `scores.sound_scores`."""
    scores = score_films(lambda *wish: film(model, *wish, sound=False).video,
                         size=model.layout.frame[0])
    return scores | (score_sound(lambda *wish: film(model, *wish)) if model.sound else {})


def score_sound(make, n=512, seed=30_000):
    """The scores of the sound of films, a dict of floats: make(texts, count, seed) ->
    `text_to_video.Films`; n: how many captions. See `measured`."""
    scenes = Theatre.scenes(n, seed)
    return sound_scores(make([captions.describe(scene) for scene in scenes], 1, seed), scenes, seed)


def sound_scores(made, scenes, seed=30_000):
    """The scores of the sound of films (`text_to_video.Films`, one a scene), a dict of floats.

    "sync": of the steps heard with the footfalls that the judge sees; "sync real" that of real
    clips, "sync shuffled" with the sounds of other films, and "sync share" how much of the way from
    these to real clips it is. "av-align" likewise. "music": the share of films whose music is heard
    as the scene has it. "sound frechet", "sound floor": distance to real sounds, and that of other
    real ones. "loudness": dB above real clips of the same scenes. "peak": the largest sample.
    """
    real, judge = Theatre().film(scenes, seed + 1), sound_judge()
    many = read_sounds(judge, Theatre().sample(2 * len(scenes), seed + 2).audio)["features"]
    heard, twin = (read_sounds(judge, clips.audio) for clips in (made, real))
    kinds = kinds_of(scenes)
    return _agreement(made, real) | {
        "music": float((heard["music"].argmax(1) == kinds).float().mean()),
        "sound frechet": measuring.frechet_distance(heard["features"], many),
        "sound floor": measuring.frechet_distance(twin["features"], many),
        "loudness": decibels(made.audio, real.audio), "peak": float(np.abs(made.audio).max())}


def _agreement(made, real):
    """"sync" and "av-align" of `measured`."""
    judge, scores = footfall_judge(), {}
    for name, films in (("", made), (" real", real)):
        steps, seen = onsets(films.audio), read_footfalls(judge, films.video)
        moves = motion_peaks(films.video)
        pairs = {name: steps}
        if not name:
            pairs[" shuffled"] = steps[1:] + steps[:1]
        for kind, heard in pairs.items():
            scores["sync" + kind] = sync(heard, seen)
            scores["av-align" + kind] = float(np.nanmean(
                [av_align(*pair) for pair in zip(heard, moves, strict=True)]))
    for name in ("sync", "av-align"):
        low, high = scores[name + " shuffled"], scores[name + " real"]
        scores[name + " share"] = (scores[name] - low) / (high - low)
    return scores


def change_scenes(n, actors=ACTORS):
    """n scenes of walks that become runs, of these actors in every colour and direction in turn."""
    kinds = [Scene(actor, color, STEPS, direction)
             for direction in DIRECTIONS for color in COLORS for actor in actors]
    return [kinds[i % len(kinds)] for i in range(n)]


def read_cadence(judge, film):
    """The cadence curves of films uint8 (N, T, 48, 48, 3) as the judge of steps reads them."""
    return cadence(read_frames(judge, film)[0])


@functools.cache
def band(n=600, seed=80_000):
    """Between which cadences n real films of `change_scenes` lie at each moment: low and high, both
    (T - SPAN,) in Hz, the 1st and the 99th percentile of what the judge of steps reads."""
    curves = read_cadence(phase_judge(), Theatre().film(change_scenes(n), seed).video)
    return curves.quantile(0.01, dim=0), curves.quantile(0.99, dim=0)


def twin_error(judge, scenes, film):
    """The warping error of films of stepping scenes under the exact flow of their twins."""
    return warping_error(film, *exact_flow(Twin(scenes, film, judge), film.shape[2]))


RATIOS = ("dynamics", "flicker", "jerk", "leap", "warp")  # quoted as shares of real films


def score_consistency(make, n=512, seed=70_000):
    """How consistent a model's films are, in a dict of floats. make: as for `scores.score_films`.

    RATIOS: the numbers of `numbers`, divided by those of real films of the same scenes; "inside
    real": what real films reach; all others as they are.
    """
    def made(scenes):
        return make([captions.describe(scene) for scene in scenes], 1, seed)
    real, found = real_numbers(n, seed), numbers(made, n, seed)
    return found | {name: found[name] / real[name] for name in RATIOS} \
        | {"inside real": real["inside"]}


@functools.cache
def real_numbers(n, seed):
    """The `numbers` of real films."""
    return numbers(lambda scenes: Theatre().film(scenes, seed).video, n, seed)


def numbers(films, n, seed):
    """What is measured of films(scenes) -> uint8 (N, T, 48, 48, 3), as a dict of floats.

    Of n scenes of all kinds: "dynamics" and "flicker", 0 to 1, "jerk" in pixels, and "same actor",
    a share. Of 240 walks that become runs: "inside", the share of cadence curves inside the band,
    and "leap" in Hz. Of 32 stepping scenes: "warp", 0 to 1. Of somebody who stands: "restless".
    """
    judge, mixed = phase_judge(), films(theatre.all_scenes(n, seed))
    curves, scenes = read_cadence(judge, films(change_scenes(240))), stepping_scenes(32, seed)
    stands = [Scene(actor, color, ("stand",), direction)
              for actor in ACTORS for color in COLORS for direction in DIRECTIONS]
    found = {"dynamics": measuring.frame_change(mixed).mean(), "flicker": measuring.flicker(mixed),
             "jerk": jerk(places(mixed)).mean(),
             "same actor": same_actor(*read_frames(judge, mixed)[1:]).float().mean(),
             "inside": inside(curves, *band()).float().mean(), "leap": leap(curves).mean(),
             "warp": twin_error(judge, scenes, films(scenes)),
             "restless": restless(films(stands)).mean()}
    return {name: float(value) for name, value in found.items()}


def scores_of(films, truth):
    """The scores of films (`text_to_video.Films`, or anything with video and audio) of captions
    whose digit and move are truth (N, 2), a dict of floats.

    "digit": the share of all frames in which it is read right; "move": of films that go the right
    way; "voice": in which the right digit is heard; "agree": see `agreement`; "all": digit (over
    the whole film), move and voice right at once.
    """
    seen, heard, move = read_digits(films.video), read_voices(films.audio), read_moves(films.video)
    right = torch.stack([seen.mean(1).argmax(1) == truth[:, 0], move == truth[:, 1],
                         heard.argmax(1) == truth[:, 0]]).float()              # (3, N)
    every = (seen.argmax(2) == truth[:, :1]).float()                           # (N, T)
    return {"digit": float(every.mean()), "move": float(right[1].mean()),
            "voice": float(right[2].mean()), "agree": agreement(seen, heard),
            "all": float(right.amin(0).mean())}


def score_clips(model, n=400, seed=0):
    """The scores of a `FilmModel` of clips, a dict of floats.

    "motion": how much its films change from frame to frame, as a share of real ones; "loudness": dB
    above real sounds. Of digits also what `scores.scores_of` says of n films of captions
    that training saw, and of as many held out from it ("heldout ..."). There is no judge of your
    own clips: look at them.
    """
    scores = {}
    if model.vocabulary == moving_digits.VOCABULARY:
        for prefix, pairs in zip(("", "heldout "), moving_digits.combinations(), strict=True):
            truth = torch.tensor([pairs[i % len(pairs)] for i in range(n)])
            texts = [moving_digits.caption(*pair, way=i % 4) for i, pair in
                     enumerate(truth.tolist())]
            made = film(model, texts, 1, seed)
            scores |= {prefix + name: value for name, value in
                       scores_of(made, truth).items()}
    made = film(model, model.examples, -(-64 // len(model.examples)), seed)
    scores["motion"] = float(measuring.frame_change(made.video).mean() / model.measured.change)
    if model.sound:
        scores["loudness"] = sound.decibels(made.audio, model.measured.loudness.sqrt().numpy())
    return scores
