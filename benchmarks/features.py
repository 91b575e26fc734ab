"""How long do log-mel features take? One hour of sound at 16 kHz, in batches, on two threads.

    python benchmarks/features.py [--hours 1] [--librosa 30]

The sound is noise with the spectrum and the pauses of speech. librosa makes the same spectrograms of a part, recording
by recording. The line: under 20 s an hour.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import torch
from _common import THREADS

from likeliest.predictors.layers import LogMel
from likeliest.sequences import END

RATE, SECONDS, BATCH = 16_000, 10, 32
LINE = 20.0


def recordings(n: int, generator: torch.Generator) -> torch.Tensor:
    """Pink noise in bursts of a quarter of a second, int16 (n, L), each recording of a length of its own."""
    samples = SECONDS * RATE
    spectrum = torch.fft.rfft(torch.randn(n, samples, generator=generator))
    pink = torch.fft.irfft(spectrum / torch.arange(1, spectrum.shape[1] + 1).sqrt(), n=samples)
    bursts = torch.rand(n, 4 * SECONDS, generator=generator).square().repeat_interleave(RATE // 4, 1)
    x = (pink * bursts * (8000 / pink.std())).clamp(-32767, 32767).to(torch.int16)
    ends = (samples * (0.5 + 0.5 * torch.rand(n, 1, generator=generator))).long()
    return x.masked_fill_(torch.arange(samples) >= ends, END)


def ours(layer: LogMel, x: torch.Tensor) -> torch.Tensor:
    return layer.forward([], x.float(), None)[0]


def by_librosa(layer: LogMel, x: torch.Tensor) -> None:
    import librosa
    import numpy as np

    for row in x.numpy():
        power = librosa.feature.melspectrogram(
            y=row[row != END].astype(np.float32) / 32768, sr=RATE, n_fft=512, win_length=400, hop_length=160,
            pad_mode="constant", n_mels=layer.bins, fmin=layer.low, htk=True, norm=None,
        )  # fmt: skip
        z = np.log(power + layer.floor)
        (z - z.mean()) / z.std()


def seconds(run: Callable[[], object]) -> tuple[float, float]:
    """By the clock, and of the processor."""
    began, worked = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - began, time.process_time() - worked


def said(who: str, heard: float, spent: float, worked: float) -> str:
    return (
        f"{who:<10}{heard / spent:>8.0f} s of sound a second, {spent / heard * 3600:>6.2f} s an hour "
        f"({worked / heard * 3600:.2f} s of processor time)"
    )


def main(hours: float, part: int) -> int:
    """Print both and return 1 if an hour takes longer than the line."""
    layer, generator = LogMel(RATE, bins=80, low=20.0), torch.Generator().manual_seed(0)
    ours(layer, recordings(BATCH, generator))
    heard = spent = worked = 0.0
    while heard < hours * 3600:
        x = recordings(BATCH, generator)
        heard += float((x != END).sum()) / RATE
        took, of_processor = seconds(lambda x=x: ours(layer, x))
        spent, worked = spent + took, worked + of_processor
    print(f"Log-mel features, {layer.bins} bins, {THREADS} threads")
    print(said("likeliest", heard, spent, worked))
    if part:
        x = recordings(part, generator)
        by_librosa(layer, x[:1])
        print(said("librosa", float((x != END).sum()) / RATE, *seconds(lambda: by_librosa(layer, x))))
    print(f"Under {LINE:g} s an hour: {'holds' if spent / heard * 3600 < LINE else 'does not hold'}")
    return int(spent / heard * 3600 >= LINE)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, default=1.0)
    parser.add_argument("--librosa", type=int, default=30, help="recordings, of some ten seconds each")
    arguments = parser.parse_args()
    raise SystemExit(main(arguments.hours, arguments.librosa))
