"""Writes the FLAC files of this folder with libsndfile: `pip install soundfile numpy`."""

import numpy as np
import soundfile


def tone(rate, frequency, count, bits):
    """Half of full scale, as whole numbers of so many bits."""
    wave = np.sin(2 * np.pi * frequency * np.arange(count) / rate) * 0.5
    return np.round(wave * 2.0 ** (bits - 1)).astype(np.int64)


mono = tone(8000, 440, 2000, 16).astype(np.int16)
soundfile.write("tone_16_bits_mono.flac", mono, 8000, subtype="PCM_16")

both = np.stack([tone(44100, frequency, 1500, 24) for frequency in (440, 880)], axis=1)
# Whole numbers of 32 bits, of which the upper 24 are written.
soundfile.write("tone_24_bits_stereo.flac", (both << 8).astype(np.int32), 44100, subtype="PCM_24")
