"""In which precision the tests compute: float32, the same on every machine, unless a test asks for
`precision`; then it runs twice, the second time in bfloat16, which every CPU can emulate."""

import os

import pytest

os.environ.setdefault("LESSONS_PRECISION", "float32")  # a person may set another for all tests

# How far a number may be off, as a share of the largest on the way to it. Each layer rounds what it
# answers, in bfloat16 (8 bits) by 2 ** -9 of it at most, and four layers by four times as much; in
# float32 (24 bits) by 2 ** -24, but there the order in which sums are added up counts as well.
ROUNDING = {"float32": 2 ** -20, "bfloat16": 2 ** -7}


@pytest.fixture(params=ROUNDING)
def precision(request, monkeypatch):
    """The name of the precision in which a test trains, "float32" or "bfloat16"."""
    monkeypatch.setenv("LESSONS_PRECISION", request.param)
    return request.param


@pytest.fixture
def rounding(precision):
    """How far a number of `precision` may be off, as a share of the largest on the way."""
    return ROUNDING[precision]
