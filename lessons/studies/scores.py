"""The scores of each model of the course, by judges that it never trained against: dicts of
floats, whose names `measures.MEASURES` explains."""

import functools

import numpy as np
import torch
from torch.nn import functional as F

from lessons import measuring
from lessons import temporal_consistency as consistency
from lessons.audio import av_align, sync
from lessons.judges import clips, gait, pictures, sound, two_samples, voices
from lessons.signals import windows
from lessons.sources import moving_digits
from lessons.text_conditioning import SHOWN, compatible, draw_pictures, prefers
from lessons.text_to_video import film
from lessons.world import captions, figures, theatre
from lessons.world.flow import exact_flow
from lessons.world.scene import ACTORS, COLORS, DIRECTIONS, Scene
from lessons.world.theatre import Theatre
from lessons.world.vocabulary import ATTRIBUTES, SEEN, asked_seen, encode, kinds_of, meanings


def leg_sharpness(video):
    """Edges in the legs: the mean gradient over the pixels of the lower 45 % of each figure.

    video: uint8 (N, T, H, W, 3) of running films; divide by the number of real running films.
    The judge cannot see legs smear, and over a whole frame it hardly counts.
    """
    figure = _figure(video)                                                      # (N, T, H, W)
    rows = figure.any(3)                                                         # (N, T, H)
    y = np.arange(video.shape[2])
    top = np.where(rows, y, len(y)).min(2)                                       # (N, T)
    bottom = np.where(rows, y, 0).max(2)
    low = y >= (bottom - 0.45 * (bottom - top))[..., None]                       # (N, T, H)
    return float(measuring.gradients(video)[figure & low[..., None]].mean())


def _figure(video):
    """Where a figure is, bool (N, T, H, W): some colour is more than 24 of 255 off the stage's."""
    return abs(video - figures.stage(video.shape[2]).numpy().astype(int)).max(-1) > 24


# What all scorers share -------------------------------------------------------------------------
OF_VIDEO = {"dynamics": lambda video: measuring.frame_change(video).mean(),
            "flicker": measuring.flicker, "sharpness": measuring.sharpness,
            "legs": leg_sharpness,
            "jerk": lambda video: consistency.jerk(gait.places(video)).mean(),
            "variety of place": lambda videos: np.mean([*map(measuring.spread_of_place, videos)]),
            "variety of phase": lambda videos: np.mean([*map(_spread_of_phase, videos)])}


def _spread_of_phase(video):
    return measuring.spread_of_phase(clips.read_clips(clips.clip_judge(), video)["phase"])


def ratios(names, made, real):
    """Those of OF_VIDEO for generated films, divided by those of real ones: a dict."""
    return {name: float(OF_VIDEO[name](made) / OF_VIDEO[name](real)) for name in names}


def distances(features, others, many, prefix=""):
    """"frechet" from generated features to many real ones, "floor" from other real ones."""
    return {prefix + "frechet": measuring.frechet_distance(features, many),
            prefix + "floor": measuring.frechet_distance(others, many)}


def plain_captions(n, seed):
    """For both splits and languages: the split, " zh" for Chinese, n scenes, their captions."""
    for split in ("train", "heldout"):
        scenes = Theatre.scenes(n, seed, split)
        for language, mark in (("en", ""), ("zh", " zh")):
            yield split, mark, scenes, [captions.describe(scene, language=language)
                                        for scene in scenes]


# Films ------------------------------------------------------------------------------------------
def score_model(model):
    """The scores of a `FilmModel` of the theatre: `score_films`, the two-sample test and, where it
    has sound, `score_sound`."""
    def make(*wish):
        return film(model, *wish, sound=False).video
    size = model.layout.frame[0]
    scores = score_films(make, size=size) | two_samples.score_theatre_apart(make, size=size)
    return scores | (score_sound(lambda *wish: film(model, *wish)) if model.sound else {})


def score_films(make, n=1024, seed=20_000, size=48):
    """The scores of films of n captions of each split, all in the plain form, in both languages.

    make(texts, count, seed) -> uint8 (N, 16, size, size, 3), `count` films of each caption in a
    row.
    """
    judge, theatre, scores, films = clips.clip_judge(), Theatre(size), {}, {}
    for split, mark, scenes, texts in plain_captions(n, seed):
        video = make(texts, 1, seed)
        reading = clips.read_clips(judge, video)
        found = clips.obeyed(reading, texts)
        scores[split + mark] = float(found["all"].mean())
        if not mark:
            films[split] = scenes, video, reading["features"]
            two = torch.tensor([len(scene.actions) == 2 for scene in scenes])
            scores[split + " one"] = float(found["all"][~two].mean())
            scores[split + " two"] = float(found["all"][two].mean())
            scores |= {f"{split} {name}": float(found[name].mean()) for name in ATTRIBUTES}
    scenes, video, features = films["train"]
    real = theatre.film(scenes, seed + 1).video
    twin, many = (clips.read_clips(judge, part)["features"] for part in
                  (real, theatre.sample(2 * n, seed + 2).video))
    return scores | distances(features, twin, many) \
        | {"coverage": measuring.coverage(features, many)} \
        | ratios(("dynamics", "flicker", "sharpness"), video, real) \
        | _variety(make, theatre, seed) | _legs(make, theatre, seed)


def _variety(make, theatre, seed, films=32):
    """Spread of place and phase among films of one caption, relative to that of real ones."""
    scenes = [scene for scene in theatre.scenes(200, seed)
              if len(scene.actions) == 1 and scene.actions[0] != "stand"][:16]
    made = make([captions.describe(scene) for scene in scenes], films, seed)
    real = theatre.film([scene for scene in scenes for _ in range(films)], seed).video
    return ratios(("variety of place", "variety of phase"),
                  *(video.reshape(len(scenes), films, *video.shape[1:]) for video in (made, real)))


def _legs(make, theatre, seed, films=64):
    """Sharpness of running legs, relative to real ones."""
    scenes = [scene for scene in theatre.scenes(20 * films, seed)
              if scene.actions == ("run",)][:films]
    made = make([captions.describe(scene) for scene in scenes], 1, seed)
    return ratios(("legs",), made, theatre.film(scenes, seed).video)


# Pictures and their discriminator ---------------------------------------------------------------
@functools.lru_cache(4)
def fresh_pictures(n, seed=30_000):
    """n real pictures (n, 3, 28, 28) that no network has seen, and their captions."""
    scenes = Theatre.scenes(n, seed)
    return (windows.as_pictures(theatre.first_frames(scenes, seed)),
            [captions.describe(scene) for scene in scenes])


@torch.no_grad()
def caption_accuracy(discriminator, n=1000, by_match=False):
    """How often D gives a fresh real picture's own caption more than a wrong one, the next
    picture's: 0 to 1, where 0.5 means that it does not look at captions.

    by_match: compare not its logits but the products that `Contrastive` trains.
    """
    images, texts = fresh_pictures(n)
    rows = torch.arange(n)
    truly = ~compatible(meanings(texts)[:, SHOWN])[rows, rows.roll(-1)]
    ids = encode(texts, discriminator.text.vocabulary)
    right, _, wrong, seen, sentence, _ = discriminator(images, ids)
    if by_match:
        right, wrong = (F.cosine_similarity(seen, part) for part in (sentence,
                                                                     sentence.roll(-1, 0)))
    return prefers(right[truly], wrong[truly])


def pictures_obeyed(generator, texts, seed=20_000):
    """The share of pictures, one a caption, that show all three of `vocabulary.SEEN` as said."""
    read, _ = pictures.read_pictures(pictures.picture_judge(),
                                     draw_pictures(generator, texts, seed))
    return float(clips.follows(read, asked_seen(texts)).mean())


def score_pictures(generator, n=1000, seed=20_000):
    """The scores of a generator of pictures for n captions of each split, in both languages."""
    judge, scores, features = pictures.picture_judge(), {}, {}
    for split, mark, _, texts in plain_captions(n, seed):
        read, features[split + mark] = pictures.read_pictures(
            judge, draw_pictures(generator, texts, seed))
        said = asked_seen(texts)
        scores[split + mark] = float(clips.follows(read, said).mean())
        if not mark:
            scores |= {f"{split} {name}": float(part.float().mean())
                       for name, part in zip(SEEN, (read == said).T, strict=True)}
    many, twin = (pictures.read_pictures(judge, windows.as_pictures(theatre.first_frames(
        Theatre.scenes(n, s), s)))[1] for s in (seed + 1, seed + 2))
    return scores | distances(features["train"], twin, many)


# Sound ------------------------------------------------------------------------------------------
def score_sound(make, n=512, seed=30_000):
    """The scores of the sound of films of n captions. make(texts, count, seed) -> `Films`."""
    scenes = Theatre.scenes(n, seed)
    return sound_scores(make([captions.describe(scene) for scene in scenes], 1, seed), scenes, seed)


def sound_scores(made, scenes, seed=30_000):
    """The scores of the sound of `Films`, one a scene."""
    real, judge = Theatre().film(scenes, seed + 1), sound.sound_judge()
    many = sound.read_sounds(judge, Theatre().sample(2 * len(scenes), seed + 2).audio)["features"]
    heard, twin = (sound.read_sounds(judge, films.audio) for films in (made, real))
    return _agreement(made, real) | {
        "music": float((heard["music"].argmax(1) == kinds_of(scenes)).float().mean()),
        **distances(heard["features"], twin["features"], many, "sound "),
        "loudness": sound.decibels(made.audio, real.audio),
        "peak": float(np.abs(made.audio).max())}


def _agreement(made, real):
    """"sync" and "av-align" of films, of real ones, of films with the sounds of others, and as a
    share."""
    judge, scores = sound.footfall_judge(), {}
    steps, real_steps = sound.onsets(made.audio), sound.onsets(real.audio)
    for name, films, heard in (("", made, steps), (" shuffled", made, steps[1:] + steps[:1]),
                               (" real", real, real_steps)):
        scores["sync" + name] = sync(heard, sound.read_footfalls(judge, films.video))
        scores["av-align" + name] = float(np.nanmean(
            [av_align(*pair) for pair in zip(heard, sound.motion_peaks(films.video), strict=True)]))
    for name in ("sync", "av-align"):
        low, high = scores[name + " shuffled"], scores[name + " real"]
        scores[name + " share"] = (scores[name] - low) / (high - low)
    return scores


# Consistency ------------------------------------------------------------------------------------
def change_scenes(n, actors=ACTORS):
    """n scenes of walks that become runs, of these actors in every colour and direction in turn."""
    kinds = [Scene(actor, color, gait.STEPS, direction)
             for direction in DIRECTIONS for color in COLORS for actor in actors]
    return [kinds[i % len(kinds)] for i in range(n)]


def cadence_curves(judge, film):
    """The cadence curves of films uint8 (N, T, 48, 48, 3) as the judge of steps reads them."""
    return consistency.cadence(gait.read_frames(judge, film)[0])


@functools.cache
def cadence_band(n=600, seed=80_000):
    """The 1st and the 99th percentile of the cadences of n real films of `change_scenes` at each
    moment, as the judge of steps reads them: low and high, both (T - SPAN,) in Hz."""
    curves = cadence_curves(gait.phase_judge(), Theatre().film(change_scenes(n), seed).video)
    return curves.quantile(0.01, dim=0), curves.quantile(0.99, dim=0)


def twin_error(judge, scenes, film):
    """The warping error of films of stepping scenes under the exact flow of their twins."""
    twins = gait.Twin(scenes, film, judge)
    return consistency.warping_error(film, *exact_flow(twins, film.shape[2]))


def own_error(film):
    """The warping error of films under the flow that they show themselves, where a figure is."""
    there = torch.from_numpy(_figure(film[:, :-1]))                      # (N, T - 1, H, W)
    return consistency.warping_error(film, consistency.matched_flow(film), there)


RATIOS = ("dynamics", "flicker", "jerk", "leap", "warp", "own warp")  # as shares of real ones


def score_consistency(make, n=512, seed=70_000):
    """How consistent films of n captions are, with what real films reach in "inside real". make:
    as for `score_films`."""
    def made(scenes):
        return make([captions.describe(scene) for scene in scenes], 1, seed)
    real, scores = _real_consistency(n, seed), _consistency(made, n, seed)
    return scores | {name: scores[name] / real[name] for name in RATIOS} \
        | {"inside real": real["inside"]}


@functools.cache
def _real_consistency(n, seed):
    return _consistency(lambda scenes: Theatre().film(scenes, seed).video, n, seed)


def _consistency(films, n, seed):
    """What is measured of films(scenes) -> uint8 (N, T, 48, 48, 3), RATIOS as they are: of n scenes
    of all kinds, 240 walks that become runs, 32 stepping scenes and of all who stand."""
    judge, mixed = gait.phase_judge(), films(theatre.all_scenes(n, seed))
    curves = cadence_curves(judge, films(change_scenes(240)))
    scenes = gait.stepping_scenes(32, seed)
    steps = films(scenes)
    stands = [Scene(actor, color, ("stand",), direction)
              for actor in ACTORS for color in COLORS for direction in DIRECTIONS]
    scores = {name: OF_VIDEO[name](mixed) for name in ("dynamics", "flicker", "jerk")} | {
        "same actor": gait.same_actor(*gait.read_frames(judge, mixed)[1:]).float().mean(),
        "inside": consistency.inside(curves, *cadence_band()).float().mean(),
        "leap": consistency.leap(curves).mean(),
        "warp": twin_error(judge, scenes, steps), "own warp": own_error(steps),
        "restless": consistency.restless(films(stands)).mean()}
    return {name: float(value) for name, value in scores.items()}


# Digits that speak and your own clips -----------------------------------------------------------
def digit_scores(films, truth):
    """The scores of films (`Films`, or anything with video and audio) of captions
    whose digit and move are truth (N, 2)."""
    seen, move = voices.read_digits(films.video), voices.read_moves(films.video)
    heard = voices.read_voices(films.audio)
    right = torch.stack([seen.mean(1).argmax(1) == truth[:, 0], move == truth[:, 1],
                         heard.argmax(1) == truth[:, 0]]).float()              # (3, N)
    every = (seen.argmax(2) == truth[:, :1]).float()                           # (N, T)
    return {"digit": float(every.mean()), "move": float(right[1].mean()),
            "voice": float(right[2].mean()), "agree": voices.agreement(seen, heard),
            "all": float(right.amin(0).mean())}


def score_clips(model, n=400, seed=0):
    """The scores of a `FilmModel` of clips: "motion" and "loudness"; of digits also `digit_scores`
    of n films of captions that training saw, and of as many held out from it. There is no judge of
    your own clips: look at them."""
    scores = {}
    if model.vocabulary == moving_digits.VOCABULARY:
        for prefix, pairs in zip(("", "heldout "), moving_digits.combinations(), strict=True):
            truth = torch.tensor([pairs[i % len(pairs)] for i in range(n)])
            texts = [moving_digits.caption(*pair, way=i % 4) for i, pair in
                     enumerate(truth.tolist())]
            made = film(model, texts, 1, seed)
            scores |= {prefix + name: value for name, value in
                       digit_scores(made, truth).items()}
    made = film(model, model.examples, -(-64 // len(model.examples)), seed)
    scores["motion"] = float(measuring.frame_change(made.video).mean() / model.measured.change)
    if model.sound:
        scores["loudness"] = sound.decibels(made.audio, model.measured.loudness.sqrt().numpy())
    return scores
