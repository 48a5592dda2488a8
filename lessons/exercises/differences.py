"""How two results differ: in kind, in shape, by a factor, or in values that nothing explains.

Before they are compared, both are brought to one kind: numbers, NumPy's and PyTorch's become
tensors of the largest precision, tuples become lists.
"""

import itertools

import numpy as np
import torch

MOST = 24  # numbers that a message shows
VALUES = "Wrong values"  # how a sentence begins that knows no more


def plain(value):
    """A value in the kind that stands for all ways to write it."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, (bool, int, float, complex)):
        value = torch.tensor(value, dtype=torch.complex128 if isinstance(value, complex)
                             else torch.float64)
    if isinstance(value, np.ndarray) and value.dtype.kind in "biufc":
        value = torch.from_numpy(value.copy())  # torch takes no negative strides
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu().resolve_conj()
        if not value.ndim and not value.is_complex():
            return value.double()
        return value.to(torch.complex128) if value.is_complex() else (
            value.double() if value.is_floating_point() else
            value if value.dtype == torch.bool else value.long())
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value]
    return {key: plain(part) for key, part in value.items()} if type(value) is dict else value


def same_kind(model, value):
    """Whether a result is of the same kind as another: PyTorch's or not, float32 or float64 ..."""
    if isinstance(model, (list, tuple)):
        return type(model) is type(value) and all(map(same_kind, model, value))
    if isinstance(model, (torch.Tensor, np.ndarray)):
        return type(model) is type(value) and model.dtype == value.dtype
    return not isinstance(value, (torch.Tensor, np.ndarray))


def as_kind(model, value):
    """A result in the kind of another that has the same values."""
    if isinstance(model, (list, tuple)):
        return type(model)(map(as_kind, model, value))
    if isinstance(model, np.ndarray):
        return np.asarray(value, model.dtype)
    if isinstance(model, torch.Tensor):
        return torch.as_tensor(value, dtype=model.dtype)
    return plain(value).item() if isinstance(plain(value), torch.Tensor) else value


def difference(name, ours, yours, tolerance):
    """None where two results agree, else a sentence: kind, shape, or values."""
    exact = isinstance(ours, int)  # counted, not computed
    return _difference(name, plain(ours), plain(yours), 1e-9 if exact else tolerance)


def _difference(name, ours, yours, tolerance):
    if isinstance(ours, torch.Tensor) and isinstance(yours, torch.Tensor):
        return _tensors(name, ours, yours, tolerance)
    if isinstance(ours, list) and isinstance(yours, list):
        if len(ours) == len(yours):
            parts = [_difference(name, a, b, tolerance) for a, b in zip(ours, yours, strict=True)]
        if len(ours) == len(yours) and not any(parts):
            return None
        return f"{VALUES} of the {name}: yours is {shown(yours)}, it should be {shown(ours)}."
    if isinstance(ours, dict) and isinstance(yours, dict) and ours.keys() == yours.keys():
        return next((found for key in ours if (
            found := _difference(f"{name} of {key}", ours[key], yours[key], tolerance))), None)
    if type(ours) is not type(yours):
        if ours is None or isinstance(ours, str):
            return f"The {name} is {shown(yours)}, it should be {shown(ours)}."
        return f"The {name} is {_kind(yours)}, it should be {_kind(ours)}."
    return None if ours == yours else f"The {name} is {shown(yours)}, it should be {shown(ours)}."


def _kind(value):
    if isinstance(value, torch.Tensor):
        return f"a tensor of shape {tuple(value.shape)}" if value.ndim else "a number"
    return "None (is a `return` missing?)" if value is None else f"a {type(value).__name__}"


def _tensors(name, ours, yours, tolerance):
    if ours.shape != yours.shape:
        return (f"Shape wrong: the {name} has shape {tuple(yours.shape)}, "
                f"it should be {tuple(ours.shape)}.")
    kinds = {torch.float64: "floats", torch.int64: "whole numbers", torch.bool: "truth values",
             torch.complex128: "complex numbers"}
    if ours.dtype != yours.dtype:
        return (f"Kind of number wrong: the {name} has {kinds[yours.dtype]}, it should have "
                f"{kinds[ours.dtype]}.")
    if close(ours, yours, tolerance):
        return None
    if not ours.ndim:
        return f"{VALUES} of the {name}: yours is {shown(yours)}, it should be {shown(ours)}."
    gap = (ours.to(torch.complex128) - yours.to(torch.complex128)).abs().nan_to_num(1e30)
    place = tuple(int(i) for i in np.unravel_index(int(gap.argmax()), gap.shape))
    return (f"{VALUES} of the {name}, shape right: the largest difference is at index {place}, "
            f"where yours is {shown(yours[place])} and it should be {shown(ours[place])}.")


def close(ours, yours, tolerance):
    """Whether two tensors agree, up to a share of the largest value; nan agrees with nan."""
    if ours.shape != yours.shape:
        return False
    ours, yours = ours.to(torch.complex128), yours.to(torch.complex128)
    largest = float(ours[ours.isfinite()].abs().max()) if ours.isfinite().any() else 0
    return torch.allclose(ours, yours, rtol=0, atol=tolerance * (largest or 1), equal_nan=True)


# Reasons: each is a fact about all cases --------------------------------------------------------
_FORMS = (
    ("minus what it should be: the sign is wrong", torch.neg),
    ("the square of what it should be", torch.square),
    ("the square root of what it should be", torch.sqrt),
    ("the absolute value of what it should be: a sign is lost", torch.abs),
    ("one minus what it should be", lambda x: 1 - x),
    ("one divided by what it should be", torch.reciprocal),
    ("the logarithm of what it should be", torch.log),
    ("the exponential of what it should be", torch.exp),
    ("what it should be, rounded to whole numbers", torch.round),
)


def reason(name, pairs, tolerance):
    """A sentence that tells how all pairs (ours, yours) are related, or None."""
    pairs = [(plain(a), plain(b)) for a, b in pairs]
    if not all(isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor) for a, b in pairs):
        return None
    wild = [(a, b) for a, b in pairs if a.shape == b.shape and (b.isnan() & ~a.isnan()).any()]
    if wild and not wild[0][0].is_complex():
        right = float(wild[0][0][wild[0][1].isnan()][0])
        return (f"The {name} is nan (not a number) where it should be {right:.4g}: look for 0 / 0, "
                "inf - inf, and roots or logarithms of what may be negative.")
    pairs = [(a.to(torch.complex128) if a.is_complex() else a.double(),
              b.to(torch.complex128) if b.is_complex() else b.double()) for a, b in pairs]
    if any(a.shape != b.shape for a, b in pairs):
        return _other_shape(name, pairs, tolerance)
    if any(len(a.flatten()) > 2 for a, _ in pairs) or len(pairs) > 2:
        for text, form in _FORMS if not any(a.is_complex() for a, _ in pairs) else _FORMS[:1]:
            if all(close(form(a), b, tolerance) for a, b in pairs):
                return f"The {name} is {text}."
    return _factor(name, pairs, tolerance) or _moved(name, pairs, tolerance)


def _factor(name, pairs, tolerance):
    if any(not a.numel() or a.is_complex() or (b.any() and not a.any()) for a, b in pairs):
        return None
    pairs = [(a, b) for a, b in pairs if a.any()]
    factors = [float((a * b).sum() / (a * a).sum()) for a, b in pairs]
    if not pairs or not all(close(f * a, b, tolerance) and abs(f) > 1e-3
                            for f, (a, b) in zip(factors, pairs, strict=True)):
        return None
    if max(factors) - min(factors) < tolerance * abs(max(factors)) and len(pairs) > 1:
        return (f"A factor is wrong: the {name} is everywhere {factors[0]:.4g} times what it "
                "should be.")
    if min(a.numel() for a, _ in pairs) > 2:
        return (f"The {name} is right but for a factor, which is {factors[0]:.4g} in one case and "
                f"{max(factors, key=lambda f: abs(f - factors[0])):.4g} in another: do you divide "
                "by the right number?")
    return None


def _moved(name, pairs, tolerance):
    offsets = [float((b - a).real.mean()) for a, b in pairs if a.numel()]
    if len(offsets) > 1 and all(close(a + offsets[0], b, tolerance) for a, b in pairs):
        return f"The {name} is everywhere {abs(offsets[0]):.4g} too " + (
            "large." if offsets[0] > 0 else "small.")
    for axis in range(min(a.ndim for a, _ in pairs)):
        if all(close(a.flip(axis), b, tolerance) for a, b in pairs):
            return f"The {name} is in reverse order along axis {axis}."
        for step in (1, -1):
            if all(close(a.roll(step, axis), b, tolerance) for a, b in pairs):
                return f"The {name} is shifted by one place along axis {axis}."
        if all(a.shape[axis] > 1 and close(a, _scaled(b, a, axis), tolerance) for a, b in pairs):
            return (f"The {name} is right but for factors: along axis {axis} all have the same, "
                    "elsewhere another. Do you divide by the right number?")
    if all(a.ndim and not a.is_complex() and close(
            a.flatten().sort().values, b.flatten().sort().values, tolerance) for a, b in pairs):
        return f"The {name} has the right values in wrong places."
    return None


def _scaled(values, like, axis):
    """Values, along an axis multiplied so that they come as near to others as they can."""
    ratio = (values * like).sum(axis, keepdim=True) / (values * values).sum(axis, keepdim=True)
    return values * ratio


def _other_shape(name, pairs, tolerance):
    wants = f"The {name} has shape {tuple(pairs[0][1].shape)}, it should be " \
            f"{tuple(pairs[0][0].shape)}"
    if all(a.numel() == b.numel() and close(a.flatten(), b.flatten(), tolerance)
           for a, b in pairs):
        return f"The values are right, their shape is not. {wants}."
    for order in itertools.permutations(range(pairs[0][0].ndim)):
        if all(b.ndim == a.ndim == len(order) and close(a.permute(order), b, tolerance)
               for a, b in pairs):
            return f"The values are right, but axes have changed places. {wants}."
    for way in (torch.mean, torch.sum):
        for axis in range(4):
            if all(b.ndim == a.ndim + 1 > axis and close(a, way(b, axis), tolerance)
                   for a, b in pairs):
                return f"The {way.__name__} over axis {axis} is missing. {wants}."
            if all(a.ndim == b.ndim + 1 > axis and close(way(a, axis), b, tolerance)
                   for a, b in pairs):
                return f"You took the {way.__name__} over axis {axis} as well. {wants}."
    return None


# Values as a message shows them -----------------------------------------------------------------
def shown(value):
    """A value as one would write it, numbers to four digits; large arrays by their shape."""
    if isinstance(value, (torch.Tensor, np.ndarray)):
        value = plain(value)
        return shown(value.tolist()) if value.numel() <= MOST else f"<shape {tuple(value.shape)}>"
    if isinstance(value, (list, tuple)):
        marks = "()" if isinstance(value, tuple) else "[]"
        comma = "," if isinstance(value, tuple) and len(value) == 1 else ""
        return marks[0] + ", ".join(shown(part) for part in value) + comma + marks[1]
    if callable(value):
        return getattr(value, "__name__", "<function>")
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, complex):
        return f"{value:.4g}"
    return repr(value)


def shown_call(name, arguments):
    """A call as one would write it; nothing where it would be too long."""
    name = name if name.isidentifier() else "your function"
    call = f"{name}({', '.join(map(shown, arguments))})"
    return call if len(call) < 200 and "<" not in call else ""
