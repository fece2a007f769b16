"""AimCLR's augmentations in numpy, a sample at a time, as a loader's workers do them.

A clip is (3, T, 25, M). Parameters come from a random.Random, and each operation takes them as
arguments, so that `aimclr_step.py --check` can give it the golden ones.
"""

import math

import numpy

MIRROR = [0, 1, 2, 3, 8, 9, 10, 11, 4, 5, 6, 7, 16, 17, 18, 19, 12, 13, 14, 15, 20, 23, 24, 21, 22]
BLUR_TAPS = 15


def crop(x, start, share=6):
    pad = x.shape[1] // share
    mirrored = numpy.concatenate([x[:, :pad][:, ::-1], x, x[:, -pad:][:, ::-1]], 1)
    return mirrored[:, start : start + x.shape[1]]


def transform(x, matrix):
    """p' = R p for every joint."""
    return numpy.tensordot(matrix, x, 1)


def shear_matrix(s):
    return numpy.array([[1, s[0], s[3]], [s[1], 1, s[4]], [s[2], s[5], 1]])


def rotation_matrix(degrees):
    """About x, then y, then z."""
    (sx, cx), (sy, cy), (sz, cz) = ((math.sin(math.radians(a)), math.cos(math.radians(a))) for a in degrees)
    about_x = numpy.array([[1, 0, 0], [0, cx, sx], [0, -sx, cx]])
    about_y = numpy.array([[cy, 0, -sy], [0, 1, 0], [sy, 0, cy]])
    about_z = numpy.array([[cz, sz, 0], [-sz, cz, 0], [0, 0, 1]])
    return about_z @ about_y @ about_x


def blur(x, sigma):
    """Gaussian over time, not normalised, zeros beyond the ends."""
    radius, frames = BLUR_TAPS // 2, x.shape[1]
    padded = numpy.pad(x, ((0, 0), (radius, radius), (0, 0), (0, 0)))
    taps = (math.exp(-(offset**2) / (2 * sigma**2)) for offset in range(-radius, radius + 1))
    return sum(tap * padded[:, i : i + frames] for i, tap in enumerate(taps))


def mask_axis(x, axis):
    x = x.copy()
    x[axis] = 0
    return x


def normal(x, random):
    """T: crop and shear."""
    x = crop(x, random.randint(0, 2 * (x.shape[1] // 6)))
    return transform(x, shear_matrix([random.uniform(-0.5, 0.5) for _ in range(6)]))


def extreme(x, random):
    """T': the normal one, then flip, rotation, noise, blur and axis mask, as last released."""
    x = normal(x, random)
    if random.random() < 0.5:
        x = x[:, :, MIRROR]
    main = random.randrange(3)
    x = transform(x, rotation_matrix([random.uniform(0, 30 if axis == main else 1) for axis in range(3)]))
    if random.random() < 0.5:
        x = x + numpy.random.normal(0, 0.01, x.shape)
    if random.random() < 0.5:
        x = blur(x, random.uniform(0.1, 2))
    if random.random() < 0.5:
        x = mask_axis(x, random.randrange(3))
    return x


def views(x, random):
    """One extreme and two normal views in f32."""
    return [view.astype(numpy.float32) for view in (extreme(x, random), normal(x, random), normal(x, random))]
