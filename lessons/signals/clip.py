"""The measures of a film of the course: frames, frames a second, samples of sound."""



FRAMES = 16    # of a film
RATE, FPS = 8000, 8              # samples and frames a second
SAMPLES = RATE * FRAMES // FPS   # of a clip
