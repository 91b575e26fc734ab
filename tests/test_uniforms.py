"""Random numbers by address: `uniforms` against SplitMix64 in Python's integers, and as good as random by scipy."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy import stats

from likeliest.uniforms import _key, uniforms

WORD = 2**64 - 1
PINNED = [[0.85392826795578, 0.07039809226989746], [0.8012773394584656, 0.7854564189910889]]
ROWS = torch.arange(512)


def splitmix(counter: int, key: int) -> int:
    """The keyed finaliser in integers of any size."""
    z = counter & WORD
    z = (((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & WORD) ^ (key & WORD)
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & WORD
    return z ^ (z >> 31)


@pytest.mark.parametrize("rows", [[0, 1, 59_999], [2**40, 3, 2**62]])
def test_numbers_are_those_of_integer_arithmetic(rows):
    start, key = _key(7, "flip", 3)
    single = uniforms(7, "flip", 3, torch.tensor(rows), 5)
    double = uniforms(7, "flip", 3, torch.tensor(rows), 5, torch.float64)
    for i, row in enumerate(rows):
        for j in range(5):
            counter = start + row * 0xC13FA9A902A6328F
            half = splitmix(counter + j // 2 * 0x91E10DA5C79E7B1D, key) >> (32 * (j % 2)) & 0xFFFFFFFF
            assert single[i, j].item() == ((half >> 8) + 2**23) % 2**24 / 2**24
            whole = splitmix(counter + j * 0x91E10DA5C79E7B1D, key)
            assert double[i, j].item() == ((whole >> 11) + 2**52) % 2**53 / 2**53


def test_numbers_of_an_address_never_change():
    """These were written down when the function was made: resumed and old runs rely on them."""
    assert uniforms(0, "dropout", 0, torch.tensor([0, 1]), 2).tolist() == PINNED


def test_lattice_of_counters_has_no_short_vectors():
    """The shortest (Δrow, Δcolumn) with equal counters, by Gauss' reduction, is beyond 2^30."""
    row, column = 0xC13FA9A902A6328F, 0x91E10DA5C79E7B1D
    u, v = (0, 2**64), (1, -row * pow(column, -1, 2**64) % 2**64)
    assert (row * v[0] + column * v[1]) % 2**64 == 0
    while True:
        if math.hypot(*u) < math.hypot(*v):
            u, v = v, u
        dot, norm = u[0] * v[0] + u[1] * v[1], v[0] ** 2 + v[1] ** 2
        q = (2 * dot + norm) // (2 * norm)
        if q == 0:
            break
        u = (u[0] - q * v[0], u[1] - q * v[1])
    small = [(a * u[0] + b * v[0], a * u[1] + b * v[1]) for a, b in itertools.product(range(-2, 3), repeat=2) if a or b]
    assert min(max(abs(x), abs(y)) for x, y in small) > 2**30


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_row_draws_the_same_in_any_batch(dtype):
    whole = uniforms(1, "shift", 2, ROWS, 9, dtype)
    some = torch.tensor([500, 3, 3, 77])
    assert torch.equal(uniforms(1, "shift", 2, some, 9, dtype), whole[some])
    assert torch.equal(uniforms(1, "shift", 2, ROWS, 4, dtype), whole[:, :4])
    assert whole.dtype == dtype


def test_one_and_two_threads_agree():
    rows, threads = torch.arange(4096), torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = uniforms(1, "a", 0, rows, 64)
        torch.set_num_threads(2)
        assert torch.equal(one, uniforms(1, "a", 0, rows, 64))
    finally:
        torch.set_num_threads(threads)


def test_global_generator_is_left_alone():
    before = torch.get_rng_state()
    uniforms(0, "a", 0, ROWS, 8)
    assert torch.equal(before, torch.get_rng_state())


def test_seeds_of_any_size_and_sign_are_told_apart():
    first = [uniforms(seed, "a", 0, ROWS[:1], 2, torch.float64) for seed in (0, -1, 2**64, 2**64 - 1, 10)]
    assert len({tuple(values.flatten().tolist()) for values in first}) == 5
    # "1" + "2 …" is no "12 …": the words of an address do not run into each other.
    assert not torch.equal(uniforms(1, "2 a", 3, ROWS, 2), uniforms(1, "a", 32, ROWS, 2))


def test_other_dtypes_are_refused():
    with pytest.raises(ValueError, match="cast the result"):
        uniforms(0, "a", 0, ROWS, 2, torch.bfloat16)


@pytest.mark.parametrize("k", [0, 1, 3])
def test_shapes_at_the_edges(k):
    assert uniforms(0, "a", 0, ROWS, k).shape == (512, k)
    assert uniforms(0, "a", 0, ROWS[:0], k).shape == (0, k)


def test_no_two_addresses_share_a_number():
    """Of 9 keys × 512 rows × 64 columns in double precision, none is met twice (chance: 5e-6)."""
    keys = itertools.product((0, 1, 2), ("a", "b", "dropout"), (0, 1, 2))
    values = [uniforms(*key, ROWS, 64, torch.float64) for key in keys]
    every = torch.stack(values).flatten()
    assert len(torch.unique(every)) == len(every)


# Quality. Every test below is deterministic; each p-value would be uniform if the numbers were.

LEVEL = 1e-4


def sample(dtype=torch.float32, rows=ROWS, k=512):
    return uniforms(0, "quality", 0, rows, k, dtype).double().numpy()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("rows", [ROWS, ROWS * 1000, ROWS * 2**32], ids=["near", "far", "high words only"])
def test_values_are_uniform(dtype, rows):
    values = sample(dtype, rows)
    assert values.min() >= 0
    assert values.max() < 1
    assert stats.kstest(values.ravel(), "uniform").pvalue > LEVEL
    z = (values.mean() - 0.5) * math.sqrt(12 * values.size)
    assert abs(z) < 4
    spread = (values.var() - 1 / 12) / math.sqrt((1 / 80 - 1 / 144) / values.size)
    assert abs(spread) < 4
    counts = np.histogram(values, 1024, (0, 1))[0]
    assert stats.chisquare(counts).pvalue > LEVEL
    bits = (values * 2**24).astype(np.int64) & 255  # the lowest bits of a float32
    assert stats.chisquare(np.bincount(bits.ravel(), minlength=256)).pvalue > LEVEL


def test_each_row_and_each_column_is_uniform():
    values = sample()
    for axis in (0, 1):
        z = (values.mean(axis) - 0.5) * math.sqrt(12 * 512)
        assert stats.kstest(z, "norm").pvalue > LEVEL
        assert abs(z).max() < 5


def neighbours():
    def of(seed=0, role="quality", epoch=0):
        return uniforms(seed, role, epoch, ROWS, 512, torch.float64).numpy()

    base = of()
    yield from ((f"rows {lag} apart", base[:-lag], base[lag:]) for lag in (1, 2, 16, 128))
    yield from ((f"columns {lag} apart", base[:, :-lag], base[:, lag:]) for lag in (1, 2, 3, 16, 128))
    yield from ((f"epoch {epoch}", base, of(epoch=epoch)) for epoch in (1, 2, 64))
    yield from ((f"seed {seed}", base, of(seed=seed)) for seed in (1, 2, 2**32))
    yield "role", base, of(role="qualitz")
    halves = sample()
    yield "halves of a hash", halves[:, ::2], halves[:, 1::2]
    yield "rows, transposed", base, base.T


@pytest.mark.parametrize(
    ("name", "first", "second"), list(neighbours()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_neighbours_are_independent(name, first, second):
    """Correlation, and a chi-square of the pairs on a grid of 32 × 32."""
    first, second = first.ravel(), second.ravel()
    r = np.corrcoef(first, second)[0, 1]
    assert abs(r) * math.sqrt(first.size) < 4.5
    if not name.endswith("transposed"):
        pairs = (first * 32).astype(int) * 32 + (second * 32).astype(int)
        assert stats.chisquare(np.bincount(pairs, minlength=1024)).pvalue > LEVEL


def test_every_bit_avalanches():
    """One bit of the row changed: each of the 32 leading bits of the hash changes in half of the cases."""
    bits = torch.stack([ROWS ^ (1 << b) for b in range(34)])
    before = (uniforms(0, "bits", 0, ROWS, 1, torch.float64) * 2**32).long()
    after = (uniforms(0, "bits", 0, bits.flatten(), 1, torch.float64) * 2**32).long().reshape(34, 512)
    changed = (before.flatten() ^ after)[..., None] >> torch.arange(32) & 1
    z = (changed.double().mean(1).numpy() - 0.5) * 2 * math.sqrt(512)
    assert abs(z).max() < 5
    assert stats.kstest(z.ravel(), stats.norm(scale=1).cdf).pvalue > 1e-8  # counts, hence steps


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_accelerator_draws_the_same(dtype):
    rows = torch.arange(1000) ** 2
    there = uniforms(5, "dropout", 1, rows.cuda(), 33, dtype)
    assert there.is_cuda
    assert torch.equal(there.cpu(), uniforms(5, "dropout", 1, rows, 33, dtype))
