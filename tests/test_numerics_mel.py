"""The mel scale and its filters against librosa's."""

import librosa
import numpy as np
import pytest

from likeliest.errors import SpecificationError, UnknownNameError
from likeliest.numerics.mel import SCALES, hertz_to_mel, mel_edges, mel_filters, mel_to_hertz

BANKS = [
    (8000, 256, 40, 60.0, 3900.0),
    (16000, 512, 80, 20.0, None),
    (11025, 400, 23, 0.0, 5000.0),
    (8000, 255, 3, 0, 4e3),
]


@pytest.mark.parametrize("scale", SCALES)
def test_the_scale_is_librosas(scale):
    f = np.concatenate([np.linspace(0, 2000, 201), np.geomspace(1e-3, 48000, 300)])
    np.testing.assert_allclose(hertz_to_mel(f, scale), librosa.hz_to_mel(f, htk=scale == "htk"), rtol=1e-14)
    mel = np.linspace(0, 60 if scale == "slaney" else 4000, 500)
    np.testing.assert_allclose(mel_to_hertz(mel, scale), librosa.mel_to_hz(mel, htk=scale == "htk"), rtol=1e-13)
    np.testing.assert_allclose(mel_to_hertz(hertz_to_mel(f, scale), scale), f, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("equal_area", [False, True])
@pytest.mark.parametrize("bank", BANKS, ids=str)
def test_filters_are_librosas(bank, scale, equal_area):
    rate, points, bins, low, high = bank
    expected = librosa.filters.mel(
        sr=rate, n_fft=points, n_mels=bins, fmin=low, fmax=high, htk=scale == "htk",
        norm="slaney" if equal_area else None, dtype=np.float64,
    )  # fmt: skip
    found = mel_filters(rate, points, bins, low, high, scale=scale, equal_area=equal_area)
    np.testing.assert_allclose(found, expected.T, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("scale", SCALES)
def test_neighbours_add_up_to_one_between_the_first_peak_and_the_last(scale):
    edges = mel_edges(20, 100.0, 3800.0, scale)
    frequencies = np.arange(4097) * 8000 / 8192
    inside = (frequencies >= edges[1]) & (frequencies <= edges[-2])
    filters = mel_filters(8000, 8192, 20, 100.0, 3800.0, scale=scale)
    np.testing.assert_allclose(filters[inside].sum(1), 1.0, rtol=1e-12)


def test_what_has_no_filters_is_named():
    for low, high in ((-1.0, 4000.0), (300.0, 300.0), (float("nan"), 4000.0)):
        with pytest.raises(SpecificationError, match="0 <= low < high"):
            mel_edges(4, low, high)
    with pytest.raises(SpecificationError, match="one bin or more"):
        mel_filters(8000, 256, 0)
    with pytest.raises(SpecificationError, match="need 10000 samples a second"):
        mel_filters(8000, 256, 10, high=5000.0)
    with pytest.raises(SpecificationError, match=r"mel filters lie between .* 31.25 Hz apart"):
        mel_filters(8000, 256, 128)
    with pytest.raises(UnknownNameError, match="htk, slaney"):
        hertz_to_mel(1.0, "bark")
