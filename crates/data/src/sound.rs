//! Sound of WAV and FLAC files.

use std::io::Cursor;

use crate::archive::FETCH_AGAIN;
use crate::sniff;

/// Samples that a byte of FLAC may stand for: silence takes about 300 in files of honest encoders.
/// What claims more is no recording, and would fill the memory.
const MOST_A_BYTE: usize = 5000;
/// Samples a second that a file may state: what recorders take, with room. Resampled from fewer, a file
/// would fill the memory.
const RATES: std::ops::RangeInclusive<u32> = 100..=1_000_000;

/// Sound of one channel.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sound {
    /// Samples a second.
    pub rate: u32,
    /// Samples in [-1, 1].
    pub samples: Vec<f32>,
}

/// Decodes a WAV or FLAC file, whatever its name. Several channels become their mean.
///
/// # Errors
/// Says what is wrong with the file.
pub(crate) fn decode(bytes: &[u8]) -> Result<Sound, String> {
    let sound = if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WAVE") {
        wav(bytes)?
    } else if bytes.starts_with(b"fLaC") {
        flac(bytes)?
    } else {
        let kind = sniff::kind_of(bytes).unwrap_or_else(|| "of an unknown format".to_owned());
        return Err(format!("is {kind}; expected WAV or FLAC"));
    };
    if !RATES.contains(&sound.rate) {
        return Err(format!(
            "states {} samples a second; expected {} to {}",
            sound.rate,
            RATES.start(),
            RATES.end()
        ));
    }
    if sound.samples.is_empty() {
        return Err("has no samples".to_owned());
    }
    Ok(sound)
}

fn wav(bytes: &[u8]) -> Result<Sound, String> {
    let damaged = |error: hound::Error| {
        match error {
        hound::Error::Unsupported => {
            "is WAV of a kind that is not read; expected plain PCM of 8 to 32 bits or 32-bit floats: \
             `ffmpeg -i OLD.wav -c:a pcm_s16le NEW.wav` makes it"
                .to_owned()
        }
        error => format!("cannot be decoded ({error}): {FETCH_AGAIN}"),
    }
    };
    let mut reader = hound::WavReader::new(Cursor::new(bytes)).map_err(damaged)?;
    let hound::WavSpec { channels, sample_rate, bits_per_sample, sample_format } = reader.spec();
    let values: Vec<f32> = match sample_format {
        hound::SampleFormat::Float => reader.samples().collect::<Result<_, _>>(),
        hound::SampleFormat::Int => {
            let scale = scale(bits_per_sample.into());
            reader.samples::<i32>().map(|it| it.map(|it| it as f32 * scale)).collect()
        }
    }
    .map_err(damaged)?;
    if let Some(place) = values.iter().position(|value| !value.is_finite()) {
        return Err(format!("its sample {place} is {}; expected a number", values[place]));
    }
    let samples = mean_of_channels(&values, usize::from(channels));
    Ok(Sound { rate: sample_rate, samples })
}

fn flac(bytes: &[u8]) -> Result<Sound, String> {
    let damaged = |error: claxon::Error| format!("cannot be decoded ({error}): {FETCH_AGAIN}");
    let options = claxon::FlacReaderOptions { metadata_only: false, read_vorbis_comment: false };
    let mut reader = claxon::FlacReader::new_ext(Cursor::new(bytes), options).map_err(damaged)?;
    let info = reader.streaminfo();
    let scale = scale(info.bits_per_sample);
    let channels = info.channels.max(1);
    let mut samples = Vec::new();
    let mut blocks = reader.blocks();
    let mut buffer = Vec::new();
    while let Some(block) = blocks.read_next_or_eof(buffer).map_err(damaged)? {
        if samples.len() + block.duration() as usize > bytes.len().saturating_mul(MOST_A_BYTE) {
            return Err(format!(
                "holds more than {MOST_A_BYTE} samples a byte, more than any recording: {FETCH_AGAIN}"
            ));
        }
        if block.channels() != channels {
            return Err(format!(
                "states {channels} channels and has a block of {}: {FETCH_AGAIN}",
                block.channels()
            ));
        }
        samples.extend((0..block.duration()).map(|place| {
            let values = (0..channels).map(|channel| block.sample(channel, place) as f32 * scale);
            values.sum::<f32>() / channels as f32
        }));
        buffer = block.into_buffer();
    }
    if info.samples.is_some_and(|stated| stated != samples.len() as u64) {
        return Err(format!(
            "states {} samples and has {}: {FETCH_AGAIN}",
            info.samples.unwrap_or_default(),
            samples.len()
        ));
    }
    Ok(Sound { rate: info.sample_rate, samples })
}

/// Brings whole numbers of so many bits to [-1, 1].
fn scale(bits: u32) -> f32 {
    1.0 / 2f32.powi(bits.max(1) as i32 - 1)
}

fn mean_of_channels(values: &[f32], channels: usize) -> Vec<f32> {
    match channels {
        0 | 1 => values.to_vec(),
        _ => {
            let frames = values.chunks_exact(channels);
            frames.map(|frame| frame.iter().sum::<f32>() / channels as f32).collect()
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// What `crates/data/tests/audio/README.md` says of the files there: written by libsndfile.
    const MONO: &[u8] = include_bytes!("../tests/audio/tone_16_bits_mono.flac");
    const STEREO: &[u8] = include_bytes!("../tests/audio/tone_24_bits_stereo.flac");

    /// A WAV file of 16 bits.
    pub(crate) fn wav_file(rate: u32, channels: u16, samples: &[i16]) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        let (bits_per_sample, sample_format) = (16, hound::SampleFormat::Int);
        let spec = hound::WavSpec { channels, sample_rate: rate, bits_per_sample, sample_format };
        let mut writer = hound::WavWriter::new(&mut bytes, spec).unwrap();
        samples.iter().for_each(|&sample| writer.write_sample(sample).unwrap());
        writer.finalize().unwrap();
        bytes.into_inner()
    }

    fn tone(rate: f64, frequency: f64, count: usize, scale: f64) -> Vec<f32> {
        let angle = |it: usize| 2.0 * std::f64::consts::PI * frequency * it as f64 / rate;
        (0..count).map(|it| (angle(it).sin() * 0.5 * scale).round() as f32 / scale as f32).collect()
    }

    #[test]
    fn channels_become_their_mean_in_unit_range() {
        let sound = decode(&wav_file(8000, 2, &[16384, 0, -32768, -32768, 100, -100])).unwrap();
        assert_eq!(sound, Sound { rate: 8000, samples: vec![0.25, -1.0, 0.0] });
    }

    #[test]
    fn wav_of_other_widths_is_read() {
        for (bits, sample_format) in [
            (8, hound::SampleFormat::Int),
            (24, hound::SampleFormat::Int),
            (32, hound::SampleFormat::Int),
            (32, hound::SampleFormat::Float),
        ] {
            let mut bytes = Cursor::new(Vec::new());
            let spec = hound::WavSpec {
                channels: 1,
                sample_rate: 44100,
                bits_per_sample: bits,
                sample_format,
            };
            let mut writer = hound::WavWriter::new(&mut bytes, spec).unwrap();
            for value in [0.5, -0.25] {
                match sample_format {
                    hound::SampleFormat::Float => writer.write_sample(value as f32).unwrap(),
                    hound::SampleFormat::Int => {
                        writer.write_sample((value * 2f64.powi(bits as i32 - 1)) as i32).unwrap();
                    }
                }
            }
            writer.finalize().unwrap();
            let sound = decode(&bytes.into_inner()).unwrap();
            assert_eq!((sound.rate, sound.samples), (44100, vec![0.5, -0.25]), "{bits}");
        }
    }

    #[test]
    fn flac_of_the_reference_library_is_read_exactly() {
        let sound = decode(MONO).unwrap();
        assert_eq!(sound.rate, 8000);
        assert_eq!(sound.samples, tone(8000.0, 440.0, 2000, 32768.0));
        let sound = decode(STEREO).unwrap();
        assert_eq!((sound.rate, sound.samples.len()), (44100, 1500));
        let (left, right) =
            (tone(44100.0, 440.0, 1500, 8_388_608.0), tone(44100.0, 880.0, 1500, 8_388_608.0));
        let mean = left.iter().zip(&right).map(|(left, right)| (left + right) / 2.0);
        assert!(sound.samples.iter().zip(mean).all(|(a, b)| (a - b).abs() < 1e-6));
    }

    #[test]
    fn damaged_files_are_told_and_nothing_panics() {
        let wav = wav_file(16000, 1, &(0..500).map(|it| it * 50).collect::<Vec<i16>>());
        for whole in [wav.as_slice(), MONO, STEREO] {
            for length in [0, 3, 11, 20, 43, whole.len() / 2, whole.len() - 1] {
                let error = decode(&whole[..length]).unwrap_err();
                assert!(!error.is_empty(), "{length}");
            }
            // Whatever a byte becomes: an error, or sound of a bounded length.
            for place in 0..whole.len() {
                for change in [0x01, 0x80, 0xff] {
                    let mut changed = whole.to_vec();
                    changed[place] ^= change;
                    if let Ok(sound) = decode(&changed) {
                        assert!(sound.samples.len() <= whole.len() * MOST_A_BYTE);
                        assert!(sound.samples.iter().all(|value| value.is_finite()));
                    }
                }
            }
        }
        assert!(decode(b"ID3\x03 and so on").unwrap_err().contains("expected WAV or FLAC"));
        assert!(decode(&wav_file(8000, 1, &[])).unwrap_err().contains("has no samples"));
        let mut adpcm = wav_file(8000, 1, &[1, 2]);
        adpcm[20] = 2;
        assert!(decode(&adpcm).unwrap_err().contains("pcm_s16le"), "{:?}", decode(&adpcm));
    }
}
