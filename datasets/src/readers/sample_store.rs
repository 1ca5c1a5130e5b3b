//! Samples as a file keeps them, decoded block by block and handed to one sink for each channel.
//!
//! EDF, BDF and GDF store records with a run of every signal, BrainVision and EEGLAB one sample of every channel
//! after the other, FIF buffers of those. All are [`Extent`]s: records that follow each other, each a list of runs.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;

use super::error::ReadError;
pub(super) use super::sample_type::{ByteOrder, SampleType, Scaling};
use super::sample_type::{Decoder, STRETCH, Stretch};

/// Samples of one channel that follow each other within a record.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Run {
    pub channel: usize,
    /// From the start of the record.
    pub offset_bytes: usize,
    pub n_samples: usize,
    pub sample_type: SampleType,
}

/// Records of one form that follow each other. Invariant: at most one run for each channel.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Extent {
    pub start_byte: u64,
    pub n_records: usize,
    pub record_bytes: usize,
    pub runs: Arc<[Run]>,
}

/// Where the bytes are. Invariant: every extent lies within them.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Bytes {
    File(PathBuf),
    /// What had to be decompressed.
    Memory(Vec<u8>),
}

/// Everything a recording's samples are made from, but for their scaling.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct SampleStore {
    pub bytes: Bytes,
    pub order: ByteOrder,
    pub extents: Vec<Extent>,
}

/// Takes the samples of one channel in order of time, a stretch at a time.
pub trait SampleSink: Send {
    fn take(&mut self, samples: &[f64]);
}

impl SampleSink for Vec<f32> {
    fn take(&mut self, samples: &[f64]) {
        self.extend(samples.iter().map(|&value| value as f32));
    }
}

impl SampleSink for Vec<f64> {
    fn take(&mut self, samples: &[f64]) {
        self.extend_from_slice(samples);
    }
}

impl Extent {
    /// `n_times` frames, each one sample of every channel.
    pub fn multiplexed(start_byte: u64, n_times: usize, n_channels: usize, sample_type: SampleType) -> Self {
        Self { start_byte, n_records: n_times, ..Self::rows(start_byte, 1, n_channels, sample_type) }
    }

    /// All samples of the first channel, then all of the second.
    pub fn vectorized(start_byte: u64, n_times: usize, n_channels: usize, sample_type: SampleType) -> Self {
        Self::rows(start_byte, n_times, n_channels, sample_type)
    }

    fn rows(start_byte: u64, n_samples: usize, n_channels: usize, sample_type: SampleType) -> Self {
        let row_bytes = n_samples * sample_type.bytes();
        let run = |channel| Run { channel, offset_bytes: channel * row_bytes, n_samples, sample_type };
        let runs = (0..n_channels).map(run).collect();
        Self { start_byte, n_records: 1, record_bytes: n_channels * row_bytes, runs }
    }
}

/// What is read at a time: enough that threads seldom wait for each other, and little enough that what one thread reads is
/// still in the cache when the others decode it.
const BLOCK_BYTES: usize = 1 << 20;
/// What a thread goes through for all of its channels before it goes on: little enough to stay in its first cache, which
/// each line of it enters once for all channels.
const TILE_BYTES: usize = 1 << 14;
/// What is read at a time of a run that is longer than a block.
const PIECE_BYTES: usize = 1 << 18;
/// Threads take as many groups of channels, so that a slow one does not hold up the others.
const GROUPS_PER_THREAD: usize = 2;
impl SampleStore {
    /// Hands every sample to the sink of its channel, scaled; `scalings` and `sinks` have one entry for each channel.
    ///
    /// Memory: two blocks, as one is read while the one before is decoded. Channels are decoded in parallel; each sees its
    /// samples in order, so the result does not depend on the number of threads.
    pub fn stream<S: SampleSink>(&self, path: &Path, scalings: &[Scaling], sinks: &mut [S]) -> Result<(), ReadError> {
        let source = self.bytes.open()?;
        // Once inside, no thread has to be woken for each block.
        rayon::scope(|_| self.stream_blocks(&source, path, scalings, sinks))
    }

    fn stream_blocks<S: SampleSink>(
        &self,
        source: &Source,
        path: &Path,
        scalings: &[Scaling],
        sinks: &mut [S],
    ) -> Result<(), ReadError> {
        let [mut buffer, mut next_buffer] = [Vec::new(), Vec::new()];
        // Has been read, and is decoded while the next is read.
        let mut last: Option<(&Extent, Block)> = None;
        for extent in self.extents.iter().filter(|extent| extent.record_bytes > 0) {
            let most = BLOCK_BYTES / extent.record_bytes;
            if most == 0 {
                if let Some((extent, block)) = last.take() {
                    self.decode_block(source.bytes(block, &buffer), extent, scalings, sinks);
                }
                self.stream_runs(extent, path, scalings, sinks)?;
                continue;
            }
            for first in (0..extent.n_records).step_by(most) {
                let n_records = most.min(extent.n_records - first);
                let at = extent.start_byte + (first * extent.record_bytes) as u64;
                let block = Block { at, n_bytes: n_records * extent.record_bytes };
                let decode = || {
                    if let Some((extent, block)) = last {
                        self.decode_block(source.bytes(block, &buffer), extent, scalings, sinks);
                    }
                };
                let (read, ()) = rayon::join(|| source.read(block, &mut next_buffer, path), decode);
                read?;
                std::mem::swap(&mut buffer, &mut next_buffer);
                last = Some((extent, block));
            }
        }
        if let Some((extent, block)) = last {
            self.decode_block(source.bytes(block, &buffer), extent, scalings, sinks);
        }
        Ok(())
    }

    fn decode_block<S: SampleSink>(&self, block: &[u8], extent: &Extent, scalings: &[Scaling], sinks: &mut [S]) {
        let record_bytes = extent.record_bytes;
        let tile_bytes = (TILE_BYTES / record_bytes).max(1) * record_bytes;
        let group = sinks.len().div_ceil(GROUPS_PER_THREAD * rayon::current_num_threads()).max(1);
        let decode_tile = |tile: &[u8], first: usize, sinks: &mut [S], stretch: &mut Stretch| {
            let channels = first..first + sinks.len();
            for run in extent.runs.iter().filter(|run| channels.contains(&run.channel)) {
                let scaling = scalings[run.channel];
                let decoder = Decoder { sample_type: run.sample_type, order: self.order, scaling };
                let sink = &mut sinks[run.channel - first];
                if run.n_samples == 1 {
                    let n = tile.len() / record_bytes;
                    decoder.decode(&tile[run.offset_bytes..], record_bytes, n, stretch, |part| sink.take(part));
                } else {
                    for record in tile.chunks_exact(record_bytes) {
                        let width = run.sample_type.bytes();
                        let bytes = &record[run.offset_bytes..];
                        decoder.decode(bytes, width, run.n_samples, stretch, |part| sink.take(part));
                    }
                }
            }
        };
        sinks.par_chunks_mut(group).enumerate().for_each(|(i, sinks)| {
            let mut stretch = [0.0; STRETCH];
            block.chunks(tile_bytes).for_each(|tile| decode_tile(tile, i * group, sinks, &mut stretch));
        });
    }

    /// Records that are too long to hold: each channel reads its own runs, piece by piece.
    fn stream_runs<S: SampleSink>(
        &self,
        extent: &Extent,
        path: &Path,
        scalings: &[Scaling],
        sinks: &mut [S],
    ) -> Result<(), ReadError> {
        sinks.par_iter_mut().enumerate().try_for_each(|(channel, sink)| {
            let source = self.bytes.open()?;
            let mut buffer = Vec::new();
            let mut stretch = [0.0; STRETCH];
            for record in 0..extent.n_records {
                for run in extent.runs.iter().filter(|run| run.channel == channel) {
                    let decoder =
                        Decoder { sample_type: run.sample_type, order: self.order, scaling: scalings[channel] };
                    let width = run.sample_type.bytes();
                    let start = extent.start_byte + (record * extent.record_bytes + run.offset_bytes) as u64;
                    let most = PIECE_BYTES / width;
                    for first in (0..run.n_samples).step_by(most) {
                        let n = most.min(run.n_samples - first);
                        let piece = Block { at: start + (first * width) as u64, n_bytes: n * width };
                        source.read(piece, &mut buffer, path)?;
                        decoder.decode(source.bytes(piece, &buffer), width, n, &mut stretch, |part| sink.take(part));
                    }
                }
            }
            Ok(())
        })
    }
}

impl Bytes {
    fn open(&self) -> Result<Source<'_>, ReadError> {
        match self {
            Self::Memory(bytes) => Ok(Source::Memory(bytes)),
            Self::File(path) => {
                let file = File::open(path).map_err(|source| ReadError::unreadable(path, source))?;
                Ok(Source::File(file))
            }
        }
    }
}

enum Source<'b> {
    Memory(&'b [u8]),
    File(File),
}

/// Bytes that are read together.
#[derive(Clone, Copy)]
struct Block {
    at: u64,
    n_bytes: usize,
}

impl Source<'_> {
    /// Into `buffer`, unless they are in memory already.
    fn read(&self, block: Block, buffer: &mut Vec<u8>, path: &Path) -> Result<(), ReadError> {
        let Self::File(file) = self else { return Ok(()) };
        buffer.resize(block.n_bytes, 0);
        // The size was checked at opening: a file that ends now has been cut meanwhile.
        file.read_exact_at(buffer, block.at).map_err(|source| ReadError::unreadable(path, source))
    }

    /// What was read into `buffer`.
    fn bytes<'s>(&'s self, block: Block, buffer: &'s [u8]) -> &'s [u8] {
        match self {
            Self::Memory(bytes) => &bytes[block.at as usize..block.at as usize + block.n_bytes],
            Self::File(_) => buffer,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same samples in every arrangement, also longer than a block, come out the same.
    #[test]
    fn arrangements_agree() {
        let (n_times, n_channels) = (1_400_003, 3);
        let value = |t: usize, c: usize| ((t * 7 + c * 1000) % 30_011) as i16;
        let expected: Vec<Vec<f64>> =
            (0..n_channels).map(|c| (0..n_times).map(|t| f64::from(value(t, c)) * 0.5 + 1.0).collect()).collect();
        let frames: Vec<u8> =
            (0..n_times).flat_map(|t| (0..n_channels).flat_map(move |c| value(t, c).to_le_bytes())).collect();
        let rows: Vec<u8> =
            (0..n_channels).flat_map(|c| (0..n_times).flat_map(move |t| value(t, c).to_le_bytes())).collect();
        let scaling = Scaling { zero: -2.0, gain: 0.5, offset: 0.0 };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let check = |bytes: &[u8], extents: Vec<Extent>| {
            std::fs::write(&path, bytes).unwrap();
            for bytes in [Bytes::Memory(bytes.to_vec()), Bytes::File(path.clone())] {
                let store = SampleStore { bytes, order: ByteOrder::Little, extents: extents.clone() };
                let mut sinks = vec![Vec::<f64>::new(); n_channels];
                store.stream(&path, &[scaling; 3], &mut sinks).unwrap();
                assert_eq!(sinks, expected);
            }
        };
        check(&rows, vec![Extent::vectorized(0, n_times, n_channels, SampleType::I16)]);
        check(&frames, vec![Extent::multiplexed(0, n_times, n_channels, SampleType::I16)]);
        let split = 777_777;
        let second = (split * n_channels * 2) as u64;
        check(
            &frames,
            vec![
                Extent::multiplexed(0, split, n_channels, SampleType::I16),
                Extent::multiplexed(second, n_times - split, n_channels, SampleType::I16),
            ],
        );
    }
}
